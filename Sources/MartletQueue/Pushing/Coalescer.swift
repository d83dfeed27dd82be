// Gathers what many callers ask at once into batches, since a batch costs Redis and the wire a fraction of its parts.

import DequeModule
import MartletRedis
import Synchronization

/// Sends requests of many callers in batches.
///
/// A lone caller pays nothing: its request goes out at once while fewer than two batches are under way; those that come
/// meanwhile go together when one of them has returned. Where callers come in crowds, the one that could go lets those of the same
/// round of its executor come along, since a batch of one costs Redis as much as one of a dozen.
/// A caller that gives up never takes others along.
final class Coalescer<Request: Sendable, Reply: Sendable>: Sendable {
    typealias Send = @Sendable ([Request]) async throws(QueueError) -> [Reply]

    private struct State {
        var underWay = 0
        var waiting: Deque<Ticket<Request, Reply>> = []
        /// How many batches in a row were of one caller; those who went alone do not count.
        var loners = State.fewLoners
        private static var fewLoners: Int { 4 }
        /// Whether others come soon: one that finds no company may be chance.
        private var isCrowded: Bool { loners < State.fewLoners }
        /// Whether a caller lets others come along just now.
        var isGathering = false
        /// How often that has been so.
        var gatherings = 0

        /// The place of one who comes now.
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

        /// Whether another batch may go now.
        var mayStart: Bool { underWay < Coalescer.maximumInFlight && !isGathering }

        /// Takes a place for a batch of those who wait, if there is one.
        mutating func start() -> Bool {
            guard mayStart, !waiting.isEmpty else { return false }
            underWay += 1
            return true
        }
    }

    /// How a caller's request goes out.
    private enum Place {
        /// At once and alone.
        case alone
        /// Together with requests that arrive before the caller's executor runs it again; the value numbers the wait.
        case ahead(Int)
        /// With another caller's batch, or with the next one.
        case amongOthers
    }

    /// While one batch is on its way, the next is worked on at this end.
    private static var maximumInFlight: Int { 2 }

    private let limit: Int
    private let executor: (any TaskExecutor)?
    private let soon: (@Sendable (@escaping @Sendable () -> Void) -> Void)?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - limit: the most requests of a batch.
    ///   - executor: where batches are written and their replies handed out: the thread on which the replies arrive.
    ///   - soon: calls what it is given after a moment, however busy the callers' executors are; without it callers in a
    ///     crowd wait for the executor of the one that goes ahead.
    init(
        limit: Int, executor: (any TaskExecutor)? = nil,
        soon: (@Sendable (@escaping @Sendable () -> Void) -> Void)? = nil
    ) {
        self.limit = limit
        self.executor = executor
        self.soon = soon
    }

    /// A coalescer whose batches travel over the connection of `connection`, if they travel.
    convenience init(limit: Int, connection: ConnectionExecutor?) {
        self.init(limit: limit, executor: connection) { connection?.call(at: .now + .milliseconds(5), $0) }
    }

    /// How many wait for a batch to return.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Sends `request`, alone or in a batch.
    ///
    /// - Parameter send: sends a batch, one reply for each request; the same for all callers.
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
                    // Also one that has given up sees to those whom it let come along.
                    if gathering == state.gatherings { state.isGathering = false }
                    return state.start()
                }
                if isFree { start(send) }
            }
        } onCancel: {
            ticket.cancel()
        }
    }

    /// The executor of the one that went ahead has not come to it for long: nobody waits for it any more.
    private func end(_ gathering: Int, _ send: @escaping Send) {
        let isFree = state.withLock { state in
            guard state.isGathering, state.gatherings == gathering else { return false }
            state.isGathering = false
            return state.start()
        }
        if isFree { start(send) }
    }

    /// A direct request has returned: its place goes to those who wait.
    private func free(_ send: @escaping Send) {
        let isFree = state.withLock { state in
            state.underWay -= 1
            return state.start()
        }
        if isFree { start(send) }
    }

    /// Not a child of any caller's task: whoever gives up must not end what others wait for.
    private func start(_ send: @escaping Send) {
        Task(executorPreference: executor) { while let batch = self.next() { await Self.send(batch, send) } }
    }

    private func next() -> [Ticket<Request, Reply>]? {
        state.withLock { state in
            // Those who gather go when they are all there; half of them now would make two batches of one.
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
