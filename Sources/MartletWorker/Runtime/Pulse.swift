// What a loop of the worker sleeps on: woken by others, or by the clock.

import Synchronization

/// Wakes one loop, at once or at a time; fired while the loop is busy, it lets it go round once more.
///
/// The loop may wake without a reason, so it looks again at what it has to do.
final class Pulse: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var hasFired = false
        var sleeper: CheckedContinuation<Void, Never>?
        /// For when the next timer is set: usually one is enough, however often the loop sleeps.
        var timer: Instant?
    }

    private let lane: any WorkerLane
    private let state = Mutex(State())

    init(on lane: any WorkerLane) { self.lane = lane }

    /// Wakes the loop.
    func fire() {
        let sleeper = state.withLock { state in
            let sleeper = state.sleeper.take()
            if sleeper == nil { state.hasFired = true }
            return sleeper
        }
        sleeper?.resume()
    }

    /// Sleeps until fired or until `instant`; without an instant until fired.
    func wait(until instant: Instant?) async {
        if let instant, instant <= .now { return }
        await withCheckedContinuation { continuation in
            let isAwake = state.withLock { state in
                if state.hasFired {
                    state.hasFired = false
                    return true
                }
                state.sleeper = continuation
                return false
            }
            if isAwake {
                continuation.resume()
            } else if let instant {
                arm(instant)
            }
        }
    }

    private func arm(_ instant: Instant) {
        let isNew = state.withLock { state in
            if let timer = state.timer, timer <= instant { return false }
            state.timer = instant
            return true
        }
        guard isNew else { return }
        lane.call(at: instant) { [weak self] in self?.ring(instant) }
    }

    private func ring(_ instant: Instant) {
        let sleeper = state.withLock { state in
            if state.timer == instant { state.timer = nil }
            return state.sleeper.take()
        }
        sleeper?.resume()
    }
}
