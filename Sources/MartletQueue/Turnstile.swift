// Lets so many callers in at a time, in the order in which they came, and nobody wait for ever.

import DequeModule
import Synchronization

/// A lock for tasks: `enter` waits without blocking a thread.
package final class Turnstile: Sendable {
    private struct Waiter {
        var ticket: UInt64
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var free: Int
        var tickets: UInt64 = 0
        var waiters = Deque<Waiter>()
    }

    private let state: Mutex<State>

    /// A lock with room for so many.
    package init(places: Int = 1) { state = Mutex(State(free: places)) }

    /// Waits for the turn of the caller.
    ///
    /// - Parameter limit: how long to wait.
    /// - Returns: whether it has come; then the caller must ``leave()``.
    package func enter(within limit: Duration) async -> Bool {
        await withCheckedContinuation { continuation in
            let ticket = state.withLock { state -> UInt64? in
                guard state.free == 0 else {
                    state.free -= 1
                    return nil
                }
                state.tickets += 1
                state.waiters.append(Waiter(ticket: state.tickets, continuation: continuation))
                return state.tickets
            }
            guard let ticket else { return continuation.resume(returning: true) }
            Task {
                try? await Task.sleep(for: limit)
                self.giveUp(ticket)
            }
        }
    }

    /// Lets the next one in.
    package func leave() {
        let next = state.withLock { state in
            let next = state.waiters.popFirst()
            if next == nil { state.free += 1 }
            return next
        }
        next?.continuation.resume(returning: true)
    }

    private func giveUp(_ ticket: UInt64) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.ticket == ticket }.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(returning: false)
    }
}
