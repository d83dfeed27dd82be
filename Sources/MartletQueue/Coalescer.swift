// Gathers what many callers ask at once into batches, since a batch costs Redis and the wire a fraction of its parts.

import DequeModule
import Synchronization

/// Sends requests of many callers in batches.
///
/// Nobody waits for company: a request goes out at once while fewer than two batches are under way; those that come
/// meanwhile go together when one of them has returned. So a lone caller pays nothing, and many batch by themselves.
/// A caller that gives up never takes others along.
final class Coalescer<Request: Sendable, Reply: Sendable>: Sendable {
    typealias Send = @Sendable ([Request]) async throws(QueueError) -> [Reply]

    private struct State {
        var underWay = 0
        var waiting: Deque<Ticket<Request, Reply>> = []
    }

    /// While one batch is on its way, the next is worked on at this end.
    private static var lanes: Int { 2 }

    private let limit: Int
    private let executor: (any TaskExecutor)?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - limit: the most requests of a batch.
    ///   - executor: where batches are written and their replies handed out: the thread on which the replies arrive.
    init(limit: Int, executor: (any TaskExecutor)? = nil) {
        self.limit = limit
        self.executor = executor
    }

    /// How many wait for a batch to return.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Sends `request`, alone or in a batch.
    ///
    /// - Parameter send: sends a batch, one reply for each request; the same for all callers.
    func call(_ request: Request, by send: @escaping Send) async throws(QueueError) -> Reply {
        let isFree = state.withLock { state in
            guard state.underWay < Self.lanes, state.waiting.isEmpty else { return false }
            state.underWay += 1
            return true
        }
        guard isFree else { return try await wait(Ticket(request), send).get() }
        defer { free(send) }
        return try await send([request])[0]
    }

    private func wait(_ ticket: Ticket<Request, Reply>, _ send: @escaping Send) async -> Result<Reply, QueueError> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard ticket.await(continuation) else { return }
                let isFree = state.withLock { state in
                    state.waiting.append(ticket)
                    guard state.underWay < Self.lanes else { return false }
                    state.underWay += 1
                    return true
                }
                if isFree { start(send) }
            }
        } onCancel: {
            ticket.cancel()
        }
    }

    /// A direct request has returned: its place goes to those who wait.
    private func free(_ send: @escaping Send) {
        let hasMore = state.withLock { state in
            if state.waiting.isEmpty { state.underWay -= 1 }
            return !state.waiting.isEmpty
        }
        if hasMore { start(send) }
    }

    /// Not a child of any caller's task: whoever gives up must not end what others wait for.
    private func start(_ send: @escaping Send) {
        Task(executorPreference: executor) { while let batch = self.next() { await Self.send(batch, send) } }
    }

    private func next() -> [Ticket<Request, Reply>]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.underWay -= 1
                return nil
            }
            let batch = Array(state.waiting.prefix(limit))
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }

    private static func send(_ batch: [Ticket<Request, Reply>], _ send: Send) async {
        let tickets = batch.filter { $0.take() }
        guard !tickets.isEmpty else { return }
        do throws(QueueError) {
            let replies = try await send(tickets.map(\.request))
            for (ticket, reply) in zip(tickets, replies) { ticket.resume(.success(reply)) }
        } catch {
            for ticket in tickets { ticket.resume(.failure(error)) }
        }
    }
}

/// One caller's place in a batch.
private final class Ticket<Request: Sendable, Reply: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Result<Reply, QueueError>, Never>?
        var isSent = false
        var isCancelled = false
    }

    let request: Request
    private let state = Mutex(State())

    init(_ request: Request) { self.request = request }

    /// Takes the caller's continuation; false when the caller has given up and was answered.
    func await(_ continuation: CheckedContinuation<Result<Reply, QueueError>, Never>) -> Bool {
        let isCancelled = state.withLock { state in
            if !state.isCancelled { state.continuation = continuation }
            return state.isCancelled
        }
        if isCancelled { continuation.resume(returning: .failure(Self.cancelled(isSent: false))) }
        return !isCancelled
    }

    /// The request is about to be sent; false when nobody waits for it any more.
    func take() -> Bool {
        state.withLock { state in
            state.isSent = state.continuation != nil
            return state.isSent
        }
    }

    func resume(_ result: Result<Reply, QueueError>) {
        state.withLock { $0.continuation.take() }?.resume(returning: result)
    }

    func cancel() {
        let (continuation, isSent) = state.withLock { state in
            state.isCancelled = true
            return (state.continuation.take(), state.isSent)
        }
        continuation?.resume(returning: .failure(Self.cancelled(isSent: isSent)))
    }

    private static func cancelled(isSent: Bool) -> QueueError {
        QueueError(isSent ? .unknown : .notExecuted(.unavailable), message: "the waiting task was cancelled")
    }
}
