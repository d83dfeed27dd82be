// A local run queue: claimed jobs that wait for a free slot, in order.

import DequeModule
import Synchronization

/// The slots of one queue's loop and the claimed jobs that wait for them.
///
/// An attempt that finishes starts the next one directly, without the loop.
final class LocalRunQueue: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var running = 0
        var waiting = Deque<Attempt>()
        /// When a job last started.
        var movedAt = Instant.now
    }

    private let slots: Int
    /// How long the queue may make no progress before its jobs are released.
    private let waitLimit: Duration
    private let state = Mutex(State())

    init(slots: Int, waitLimit: Duration) {
        self.slots = slots
        self.waitLimit = waitLimit
    }

    /// Takes a slot for the attempt and returns true; otherwise the attempt waits.
    func enter(_ attempt: Attempt, at now: Instant) -> Bool {
        state.withLock { state in
            if state.waiting.isEmpty, state.running < slots {
                state.running += 1
                return true
            }
            if state.waiting.isEmpty { state.movedAt = now }
            state.waiting.append(attempt)
            return false
        }
    }

    /// Frees a slot; returns the attempt that takes it, if one waits.
    func next() -> Attempt? {
        state.withLock { state in
            guard let attempt = state.waiting.popFirst() else {
                state.running -= 1
                return nil
            }
            state.movedAt = .now
            return attempt
        }
    }

    /// When waiting attempts are released if no slot becomes free.
    var releaseTime: Instant? {
        state.withLock { $0.waiting.isEmpty ? nil : $0.movedAt + waitLimit }
    }

    /// Removes attempts that waited too long, or with `all` every waiting attempt.
    func leave(at now: Instant, all: Bool) -> [Attempt] {
        state.withLock { state in
            guard !state.waiting.isEmpty, all || state.movedAt + waitLimit <= now else { return [] }
            defer { state.waiting.removeAll() }
            return Array(state.waiting)
        }
    }
}
