// Claimed jobs on their way into a slot: those claimed ahead wait here, in order.

import DequeModule
import Synchronization

/// The slots of one queue's loop and the line before them.
///
/// An attempt that ends starts the next one itself: the loop, which thinks in turns, is not asked.
final class StartLine: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var running = 0
        var waiting = Deque<Attempt>()
        /// When the line last moved.
        var movedAt = Instant.now
    }

    private let slots: Int
    /// How long the line may stand still before what waits is given back.
    private let patience: Duration
    private let state = Mutex(State())

    init(slots: Int, patience: Duration) {
        self.slots = slots
        self.patience = patience
    }

    /// Takes a slot for the attempt, which is then to be started; else the attempt waits for one.
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

    /// A slot has become free: the attempt that takes it, if one waits.
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

    /// When what waits now will have waited too long, should no slot become free.
    var standsUntil: Instant? {
        state.withLock { $0.waiting.isEmpty ? nil : $0.movedAt + patience }
    }

    /// What has waited too long; with `all` everything that waits.
    func leave(at now: Instant, all: Bool) -> [Attempt] {
        state.withLock { state in
            guard !state.waiting.isEmpty, all || state.movedAt + patience <= now else { return [] }
            defer { state.waiting.removeAll() }
            return Array(state.waiting)
        }
    }
}
