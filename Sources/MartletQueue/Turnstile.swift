// Lets one caller in at a time, in the order in which they came.

import DequeModule
import Synchronization

/// A lock for tasks: `enter` waits without blocking a thread.
final class Turnstile: Sendable {
    private struct State {
        var taken = false
        var waiters = Deque<CheckedContinuation<Void, Never>>()
    }

    private let state = Mutex(State())

    func enter() async {
        await withCheckedContinuation { continuation in
            let free = state.withLock { state in
                if state.taken {
                    state.waiters.append(continuation)
                    return false
                }
                state.taken = true
                return true
            }
            if free { continuation.resume() }
        }
    }

    func leave() {
        let next = state.withLock { state in
            let next = state.waiters.popFirst()
            if next == nil { state.taken = false }
            return next
        }
        next?.resume()
    }
}
