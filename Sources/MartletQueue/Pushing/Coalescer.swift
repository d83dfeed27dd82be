// Coalesces concurrent requests into batches, which cost Redis and the network a fraction of single ones.

import DequeModule
import MartletEventLoop
import Synchronization

/// Sends requests of many callers in batches.
///
/// A lone caller pays nothing: its request is sent at once while fewer than two batches are in flight. Requests that
/// arrive meanwhile are sent together when one returns. With many concurrent callers, a request that could be sent
/// waits for those of the same executor round, since a batch of one costs Redis as much as one of a dozen. Cancelling a
/// caller never affects others.
final class Coalescer<Request: Sendable, Reply: Sendable>: Sendable {
    typealias Send = @Sendable ([Request]) async throws(QueueError) -> [Reply]

    private struct State {
        var underWay = 0
        var waiting: Deque<Ticket<Request, Reply>> = []
        /// The number of consecutive batches with one caller; requests sent directly do not count.
        var loners = State.fewLoners
        private static var fewLoners: Int { 4 }
        /// Whether more callers are likely; a single batch of one may be chance.
        private var isCrowded: Bool { loners < State.fewLoners }
        /// Whether a caller is waiting for others.
        var isGathering = false
        /// The number of such waits so far.
        var gatherings = 0

        /// Decides how a new request is sent.
        mutating func admit() -> Place {
            if isCrowded, mayStart {
                isGathering = true
                gatherings += 1
                return .ahead(gatherings)
            }
            guard !isCrowded, mayStart, waiting.isEmpty else { return .amongOthers }
            underWay += 1
            return .alone
        }

        /// Whether another batch may be sent.
        var mayStart: Bool { underWay < Coalescer.maximumInFlight && !isGathering }

        /// Reserves a batch for the waiting requests, if possible.
        mutating func start() -> Bool {
            guard mayStart, !waiting.isEmpty else { return false }
            underWay += 1
            return true
        }
    }

    /// How a request is sent.
    private enum Place {
        /// At once and alone.
        case alone
        /// Together with requests that arrive before the caller's executor runs it again; the value numbers the wait.
        case ahead(Int)
        /// With another caller's batch, or with the next one.
        case amongOthers
    }

    /// While one batch is in flight, the next is prepared.
    private static var maximumInFlight: Int { 2 }

    private let limit: Int
    private let executor: (any TaskExecutor)?
    private let soon: (@Sendable (@escaping @Sendable () -> Void) -> Void)?
    private let state = Mutex(State())

    /// Creates a coalescer.
    ///
    /// - Parameters:
    ///   - limit: the most requests of a batch.
    ///   - executor: where batches are written and replies distributed: the thread on which replies arrive.
    ///   - soon: calls its argument after a moment, however busy the callers' executors are; without it, callers wait
    ///     for the executor of the one that collects them.
    init(
        limit: Int, executor: (any TaskExecutor)? = nil,
        soon: (@Sendable (@escaping @Sendable () -> Void) -> Void)? = nil
    ) {
        self.limit = limit
        self.executor = executor
        self.soon = soon
    }

    /// Creates a coalescer whose batches are sent over `connection`, if given.
    convenience init(limit: Int, connection: EventLoopExecutor?) {
        self.init(limit: limit, executor: connection) { connection?.call(at: .now + .milliseconds(5), $0) }
    }

    /// The number of requests that wait for a batch.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Sends a request, alone or in a batch.
    ///
    /// - Parameter send: sends a batch and returns one reply per request; the same for all callers.
    func call(_ request: Request, by send: @escaping Send) async throws(QueueError) -> Reply {
        switch state.withLock({ $0.admit() }) {
        case .alone:
            defer { free(send) }
            return try await send([request])[0]
        case .ahead(let gathering):
            soon? { self.end(gathering, send) }
            await Task.yield()
            return try await wait(Ticket(request), send, gathering: gathering).get()
        case .amongOthers: return try await wait(Ticket(request), send).get()
        }
    }

    private func wait(
        _ ticket: Ticket<Request, Reply>, _ send: @escaping Send, gathering: Int? = nil
    ) async -> Result<Reply, QueueError> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWaiting = ticket.await(continuation)
                let isFree = state.withLock { state in
                    if isWaiting { state.waiting.append(ticket) }
                    // A cancelled caller still serves those that it let wait.
                    if gathering == state.gatherings { state.isGathering = false }
                    return state.start()
                }
                if isFree { start(send) }
            }
        } onCancel: {
            ticket.cancel()
        }
    }

    /// The collecting caller's executor is busy: its batch is sent without it.
    private func end(_ gathering: Int, _ send: @escaping Send) {
        let isFree = state.withLock { state in
            guard state.isGathering, state.gatherings == gathering else { return false }
            state.isGathering = false
            return state.start()
        }
        if isFree { start(send) }
    }

    /// A direct request has returned; waiting requests may use its slot.
    private func free(_ send: @escaping Send) {
        let isFree = state.withLock { state in
            state.underWay -= 1
            return state.start()
        }
        if isFree { start(send) }
    }

    /// Not a child of a caller's task: a cancelled caller must not affect others.
    private func start(_ send: @escaping Send) {
        Task(executorPreference: executor) { while let batch = self.next() { await Self.send(batch, send) } }
    }

    private func next() -> [Ticket<Request, Reply>]? {
        state.withLock { state in
            // Collected requests are sent when all are there; sending half of them now would make two batches of one.
            guard !state.waiting.isEmpty, !state.isGathering else {
                state.underWay -= 1
                return nil
            }
            let batch = Array(state.waiting.prefix(limit))
            state.loners = batch.count > 1 ? 0 : state.loners + 1
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

/// One caller's entry in a batch.
private final class Ticket<Request: Sendable, Reply: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Result<Reply, QueueError>, Never>?
        var isSent = false
        var isCancelled = false
    }

    let request: Request
    private let state = Mutex(State())

    init(_ request: Request) { self.request = request }

    /// Stores the caller's continuation; false when the caller was cancelled and already resumed.
    func await(_ continuation: CheckedContinuation<Result<Reply, QueueError>, Never>) -> Bool {
        let isCancelled = state.withLock { state in
            if !state.isCancelled { state.continuation = continuation }
            return state.isCancelled
        }
        if isCancelled { continuation.resume(returning: .failure(Self.cancelled(isSent: false))) }
        return !isCancelled
    }

    /// Called before the request is sent; false when the caller was cancelled.
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
