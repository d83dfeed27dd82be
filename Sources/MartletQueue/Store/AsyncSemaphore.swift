// Lets so many callers in at a time, in the order in which they came; nobody waits for ever, nor with too much in memory.

import DequeModule
import Synchronization

/// A lock for tasks: `acquire` waits without blocking a thread, until its time is over or the caller's task is cancelled.
package final class AsyncSemaphore: Sendable {
    /// Why a caller was not let in.
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
        /// What the waiters hold in memory.
        var bytes = 0
    }

    private let limit: Int
    private let state: Mutex<State>

    /// A lock with room for so many.
    ///
    /// - Parameters:
    ///   - places: how many may be inside.
    ///   - limit: how many bytes may wait; one caller may always wait.
    package init(permits: Int = 1, bytes limit: Int = .max) {
        state = Mutex(State(free: permits))
        self.limit = limit
    }

    /// How many callers wait.
    var waitingCount: Int { state.withLock { $0.waiters.count } }

    /// Waits for the turn of the caller; whether it has come: then the caller must ``release()``.
    package func acquire(within limit: Duration) async -> Bool {
        do throws(Refusal) {
            try await acquire(holding: 0, within: limit)
            return true
        } catch { return false }
    }

    /// Waits for the turn of the caller, which then must ``release()``.
    ///
    /// - Parameters:
    ///   - bytes: what the caller holds in memory while it waits.
    ///   - limit: how long to wait.
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
                // Cancelled before it waited: then nobody has looked for it among the waiters.
                if Task.isCancelled { return giveUp(ticket, .cancelled) }
                Task {
                    try? await Task.sleep(for: limit)
                    self.giveUp(ticket, .timedOut)
                }
            }
        } onCancel: {
            giveUp(ticket, .cancelled)
        }
        // One that was let in before it was cancelled goes on; its own requests see to the rest.
        try result.get()
    }

    /// What a caller is told at once; `nil` when it waits.
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

    /// Lets the next one in.
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
