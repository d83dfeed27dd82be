// A semaphore for tasks: admits a limited number of callers in order, with limits on waiting time and memory.

import DequeModule
import Synchronization

/// A semaphore for tasks: `acquire` waits without blocking a thread, until its deadline or the task's cancellation.
package final class AsyncSemaphore: Sendable {
    /// Why a caller was not admitted.
    package enum Refusal: Error {
        /// The waiting callers already hold too much memory.
        case full
        /// The wait exceeded its limit.
        case timedOut
        /// The task was cancelled.
        case cancelled
    }

    private struct Waiter {
        var ticket: UInt64
        var bytes: Int
        var continuation: CheckedContinuation<Result<Void, Refusal>, Never>
    }

    private struct State {
        var free: Int
        var tickets: UInt64 = 0
        var waiters = Deque<Waiter>()
        /// The bytes that waiting callers hold.
        var bytes = 0
    }

    private let limit: Int
    private let state: Mutex<State>

    /// Creates a semaphore.
    ///
    /// - Parameters:
    ///   - permits: the most concurrent holders.
    ///   - limit: the most bytes that waiting callers may hold; one caller may always wait.
    package init(permits: Int = 1, bytes limit: Int = .max) {
        state = Mutex(State(free: permits))
        self.limit = limit
    }

    /// The number of waiting callers.
    var waitingCount: Int { state.withLock { $0.waiters.count } }

    /// Waits for a permit; on success the caller must ``release()`` it.
    ///
    /// - Parameter limit: the longest wait.
    /// - Returns: whether a permit was acquired.
    package func acquire(within limit: Duration) async -> Bool {
        do throws(Refusal) {
            try await acquire(holding: 0, within: limit)
            return true
        } catch { return false }
    }

    /// Waits for a permit, which the caller must ``release()``.
    ///
    /// - Parameters:
    ///   - bytes: the memory that the caller holds while it waits.
    ///   - limit: the longest wait.
    package func acquire(holding bytes: Int, within limit: Duration) async throws(Refusal) {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if let answer = admit(Waiter(ticket: ticket, bytes: bytes, continuation: continuation)) {
                    return continuation.resume(returning: answer)
                }
                // A task that was cancelled earlier is not found among the waiters by its cancellation handler.
                if Task.isCancelled { return giveUp(ticket, .cancelled) }
                Task {
                    try? await Task.sleep(for: limit)
                    self.giveUp(ticket, .timedOut)
                }
            }
        } onCancel: {
            giveUp(ticket, .cancelled)
        }
        // A caller that was admitted before its cancellation continues; its own requests handle the rest.
        try result.get()
    }

    /// The immediate result; `nil` when the caller waits.
    private func admit(_ waiter: Waiter) -> Result<Void, Refusal>? {
        state.withLock { state in
            guard state.free == 0 else {
                state.free -= 1
                return .success(())
            }
            guard state.waiters.isEmpty || waiter.bytes <= limit - state.bytes else { return .failure(.full) }
            state.bytes += waiter.bytes
            state.waiters.append(waiter)
            return nil
        }
    }

    /// Releases a permit to the next caller.
    package func release() {
        let next = state.withLock { state in
            let next = state.waiters.popFirst()
            state.bytes -= next?.bytes ?? 0
            if next == nil { state.free += 1 }
            return next
        }
        next?.continuation.resume(returning: .success(()))
    }

    private func giveUp(_ ticket: UInt64, _ reason: Refusal) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
            state.bytes -= state.waiters[index].bytes
            return state.waiters.remove(at: index)
        }
        waiter?.continuation.resume(returning: .failure(reason))
    }
}
