// A timer that a loop of the worker waits on; other tasks can fire it early.

import Synchronization

/// Wakes one loop, at once or at a given time.
///
/// Firing while the loop is busy makes its next wait return at once.
///
/// The loop may wake without a reason and must check what there is to do.
final class WakeTimer: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var hasFired = false
        var sleeper: CheckedContinuation<Void, Never>?
        /// When the pending timer fires; one timer usually serves many waits.
        var timer: Instant?
    }

    private let executor: any TimerExecutor
    private let state = Mutex(State())

    init(on executor: any TimerExecutor) { self.executor = executor }

    /// Wakes the loop.
    func fire() {
        let sleeper = state.withLock { state in
            let sleeper = state.sleeper.take()
            if sleeper == nil { state.hasFired = true }
            return sleeper
        }
        sleeper?.resume()
    }

    /// Waits until fired or until `instant`; without an instant, until fired.
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
                schedule(instant)
            }
        }
    }

    private func schedule(_ instant: Instant) {
        let isNew = state.withLock { state in
            if let timer = state.timer, timer <= instant { return false }
            state.timer = instant
            return true
        }
        guard isNew else { return }
        executor.call(at: instant) { [weak self] in self?.timerFired(instant) }
    }

    private func timerFired(_ instant: Instant) {
        let sleeper = state.withLock { state in
            if state.timer == instant { state.timer = nil }
            return state.sleeper.take()
        }
        sleeper?.resume()
    }
}
