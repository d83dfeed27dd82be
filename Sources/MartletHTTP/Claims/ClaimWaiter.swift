// A caller that waits for jobs: woken by the desks of its queues, by its own time, or by its end.

import MartletQueue
import Synchronization

/// A caller that waits at the desks of its queues.
final class ClaimWaiter: Sendable {
    private struct State {
        var woken: Set<QueueName> = []
        var isOver = false
        var sleeper: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Jobs may have come to this queue.
    func wake(_ queue: QueueName) { change { $0.woken.insert(queue) } }

    /// Ends the wait.
    func finish() { change { $0.isOver = true } }

    private func change(_ body: (inout State) -> Void) {
        let sleeper = state.withLock { state in
            body(&state)
            return state.sleeper.take()
        }
        sleeper?.resume()
    }

    /// The queues to look at; `nil` when the wait is over or the task is cancelled.
    func next() async -> Set<QueueName>? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isAwake = state.withLock { state in
                    if state.isOver || !state.woken.isEmpty { return true }
                    state.sleeper = continuation
                    return false
                }
                if isAwake { continuation.resume() }
            }
        } onCancel: {
            finish()
        }
        return state.withLock { state in
            if state.isOver { return nil }
            defer { state.woken = [] }
            return state.woken
        }
    }
}
