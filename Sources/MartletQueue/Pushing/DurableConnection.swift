// The connection on which pushes wait for more than Redis' memory, so that nobody else's commands wait with them.

import Logging
import MartletJobs
import MartletRedis
import ServiceLifecycle
import Synchronization

/// One push on its way over the connection that waits.
struct DurablePush: Sendable {
    var queue: Queue
    var jobs: ArraySlice<NewJob>
    var isAtomic: Bool
    var durability: Durability
}

/// Why a push is to be made again in another way; it never leaves this module.
enum PushAgain: Error {
    case afterCreatingTheQueue
    case with(Durability)
}

extension QueueError {
    /// Why the push is to be made again; `nil` for a fault.
    var again: PushAgain? { underlying as? PushAgain }

    /// An error that asks for another try.
    static func again(_ reason: PushAgain) -> QueueError {
        QueueError(.notExecuted(.unavailable), message: "the push must be made otherwise", underlying: reason)
    }
}

/// Pushes that are answered when they are as safe as was asked for.
///
/// They have a connection of their own, opened by the first of them, since a wait holds up everything behind it. Those
/// that come while others are under way share the next write and one wait.
final class DurableConnection: Sendable {
    typealias Answer = Result<Pushed<AtomicEnqueueResult>, QueueError>

    /// How long the server may take to confirm.
    private let limit: Duration
    private let client: RedisClient
    private let batches: Coalescer<DurablePush, Answer>
    private let version = Mutex<RedisVersion?>(nil)
    private let needed = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    init(
        _ configuration: RedisConfiguration, beside neighbour: RedisClient, limit: Duration, logger: Logger,
        initialRequests: @escaping @Sendable () -> InitialRequests?
    ) {
        var own = configuration
        // Two batches are under way at most, and the second one waits for the first.
        own.commandTimeout += limit * 2
        own.clientName = configuration.clientName.map { "\($0)-durable" }
        self.limit = limit
        client = RedisClient(own, beside: neighbour, logger: logger, initialRequests: initialRequests)
        batches = Coalescer(limit: Queue.batchLimit, connection: neighbour.executor)
    }

    /// Holds the connection, from when it is first needed until the service shuts down or the task is cancelled.
    func run() async throws {
        let isNeeded = await cancelWhenGracefulShutdown { await self.needed.stream.first { true } != nil }
        if isNeeded == true { try await client.run() }
    }

    /// Pushes, and waits.
    func push(_ push: DurablePush) async throws(QueueError) -> Pushed<AtomicEnqueueResult> {
        needed.continuation.yield()
        return try await batches.call(push) { batch throws(QueueError) in try await self.send(batch) }.get()
    }

    private func send(_ batch: [DurablePush]) async throws(QueueError) -> [Answer] {
        let version = try await serverVersion()
        let calls = DurableCall.merged(batch)
        var proofs: [Durability: (place: Int, proof: DurabilityProof)] = [:]
        for call in calls where proofs[call.durability] == nil {
            guard let proof = DurabilityProof(of: call.durability, version: version, within: limit) else { continue }
            proofs[call.durability] = (proofs.count, proof)
        }
        let closing = proofs.values.sorted { $0.place < $1.place }.map { DurableConnection.request($0.proof.words) }
        let replies = await client.send(calls.map(\.request), closing: closing)
        var answers: [Answer?] = Array(repeating: nil, count: batch.count)
        for (call, reply) in zip(calls, replies) {
            var confirmation = Confirmation.confirmed(call.durability)
            if let (place, proof) = proofs[call.durability], let reason = proof.objection(to: reply.closing[place]) {
                confirmation = .unconfirmed(call.durability, reason: reason)
                // Perhaps it is another server by now, which has another way to say it.
                self.version.withLock { $0 = nil }
            }
            for (index, answer) in call.answers(reply.result, confirmation) { answers[index] = answer }
        }
        let lost = QueueError(.unknown, message: "a reply is missing")
        return answers.map { $0 ?? .failure(lost) }
    }

    /// The server's version; asked for once, and again after something went wrong.
    private func serverVersion() async throws(QueueError) -> RedisVersion? {
        if let known = version.withLock({ $0 }) { return known }
        do throws(RedisError) {
            let fields = try await client.send(.command("INFO", "server")).informationFields
            let found = fields["redis_version"].flatMap { RedisVersion($0) }
            version.withLock { $0 = found }
            return found
        } catch {
            // Whoever may not ask is taken for one who talks to an old server: what is asked of those, all understand.
            if error.outcome == .verdict { return nil }
            throw QueueError(error)
        }
    }

    private static func request(_ words: [String]) -> RedisRequest {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return .command(arguments)
    }
}
