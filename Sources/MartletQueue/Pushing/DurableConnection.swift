// A dedicated connection for pushes that wait for more than Redis' memory, so that other commands do not wait too.

import Logging
import MartletJobs
import MartletRedis
import ServiceLifecycle
import Synchronization

/// A push on that connection.
struct DurablePush: Sendable {
    var queue: Queue
    var jobs: ArraySlice<NewJob>
    var isAtomic: Bool
    var durability: Durability
}

/// Why a push must be repeated differently; never leaves this module.
enum PushAgain: Error {
    case afterCreatingTheQueue
    case with(Durability)
}

extension QueueError {
    /// Why the push must be repeated; `nil` for another error.
    var again: PushAgain? { underlying as? PushAgain }

    /// An error that asks for a repeat.
    static func again(_ reason: PushAgain) -> QueueError {
        QueueError(.notExecuted(.unavailable), message: "the push must be made otherwise", underlying: reason)
    }
}

/// Sends pushes that return when they are as durable as requested.
///
/// They use a dedicated connection, opened on first use, since waiting blocks all later commands. Pushes that arrive
/// while others are in flight share the next write and one wait.
final class DurableConnection: Sendable {
    typealias Answer = Result<Pushed<AtomicEnqueueResult>, QueueError>

    /// The time limit of a confirmation.
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
        // At most two batches are in flight, and the second waits for the first.
        own.commandTimeout += limit * 2
        own.clientName = configuration.clientName.map { "\($0)-durable" }
        self.limit = limit
        client = RedisClient(own, beside: neighbour, logger: logger, initialRequests: initialRequests)
        batches = Coalescer(limit: Queue.batchLimit, connection: neighbour.eventLoop)
    }

    /// Keeps the connection, from its first use until shutdown or cancellation.
    func run() async throws {
        let isNeeded = await cancelWhenGracefulShutdown { await self.needed.stream.first { true } != nil }
        if isNeeded == true { try await client.run() }
    }

    /// Pushes and waits.
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
                // The connection may be to another server that needs another proof.
                self.version.withLock { $0 = nil }
            }
            for (index, answer) in call.answers(reply.result, confirmation) { answers[index] = answer }
        }
        let lost = QueueError(.unknown, message: "a reply is missing")
        return answers.map { $0 ?? .failure(lost) }
    }

    /// The server's version, cached until an error.
    private func serverVersion() async throws(QueueError) -> RedisVersion? {
        if let known = version.withLock({ $0 }) { return known }
        do throws(RedisError) {
            let fields = try await client.send(.command("INFO", "server")).informationFields
            let found = fields["redis_version"].flatMap { RedisVersion($0) }
            version.withLock { $0 = found }
            return found
        } catch {
            // Without permission to ask, an old server is assumed: its commands work everywhere.
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
