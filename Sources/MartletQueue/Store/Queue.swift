// One queue: a name over a store, and the one way in which its scripts are called.

import MartletJobs
import MartletRedis
import Synchronization

/// A queue of a store; a cheap value.
///
/// Operations throw ``QueueError``, which tells whether anything happened.
///
/// ```swift
/// let queue = store.queue(.default)
/// try await queue.enqueue(Greet(who: "Ada"))
/// let status = try await queue.status()
/// ```
public struct Queue: Sendable {
    /// The most jobs per script call, except for atomic pushes and claims.
    public static let batchLimit = 500

    /// The name.
    public let name: QueueName
    let store: JobStore
    let keys: QueueKeys
    let calls: QueueCalls

    init(name: QueueName, store: JobStore, calls: QueueCalls) {
        self.name = name
        self.store = store
        self.calls = calls
        keys = calls.keys
    }

    /// Runs a script; creates the queue first where it does not exist yet.
    func run(_ script: QueueScript, _ arguments: RedisArguments, ids: [JobID] = []) async throws(QueueError)
        -> RedisValue
    {
        var value = try await send(script, arguments, ids)
        for _ in 0..<3 where value.isNoQueue {
            try await create()
            value = try await send(script, arguments, ids)
        }
        guard !value.isNoQueue else {
            throw QueueError(
                .notExecuted(.busy), ids: ids, message: "the queue \(name) is deleted all the time; try again")
        }
        return value
    }

    /// Runs a script that only reads.
    ///
    /// `nil` when the queue does not exist. Reading never creates one.
    func read(_ script: QueueScript, _ arguments: RedisArguments) async throws(QueueError) -> [RedisValue]? {
        let value = try await send(script, arguments, [])
        if value.isNoQueue { return nil }
        guard let parts = value.array else { throw .broken(script.name, value) }
        return parts
    }

    private func send(_ script: QueueScript, _ arguments: RedisArguments, _ ids: [JobID]) async throws(QueueError)
        -> RedisValue
    {
        let request = RedisRequest.function(store.scripts[script], keys: keys.arguments, arguments: arguments)
        let value: RedisValue
        // At once: Redis works on a turn or a push while the tasks that are still to run here do. Deferred to the end of the
        // tick, as single commands are, it would halve the jobs a second of handlers that run on the connection's thread.
        do throws(RedisError) { value = try await store.redis.send(request, writesAtOnce: true) } catch {
            throw QueueError(error, ids: ids)
        }
        return try Self.checked(value)
    }

    /// The value, unless the queue is newer than this process.
    static func checked(_ value: RedisValue) throws(QueueError) -> RedisValue {
        guard value.array?.first?.string == "schema" else { return value }
        let stored = value.array?.last?.string ?? "?"
        let schema = String(stored.prefix { $0 != " " })
        throw QueueError(
            .refused(.newerSchema(schema)),
            message: "this queue was written by a newer Martlet (schema \(schema)); upgrade this process")
    }
}

/// What the callers of one queue share in a process: their single pushes and look-ups travel together.
final class QueueCalls: Sendable {
    /// Texts, made once.
    let keys: QueueKeys
    let pushes: Coalescer<NewJob, EnqueueVerdict>
    let lookUps: Coalescer<JobID, JobRecord?>
    /// The level of durability that the queue is known to ask of its pushes; negative while it is not known.
    let level = Atomic(-1)
    /// The most jobs ever created that an answer to our pushes named.
    let acknowledged = Atomic(0)
    /// By how much an answer, or Redis when it had come back, lay below an answer that was there before.
    let missing = Atomic(0)
    /// How often the two before this have begun again.
    let generation = Atomic(0)

    init(_ keys: QueueKeys, connection: ConnectionExecutor?) {
        self.keys = keys
        pushes = Coalescer(limit: Queue.batchLimit, connection: connection)
        lookUps = Coalescer(limit: 100, connection: connection)
    }

    /// The mode of a push that waits for nothing: it has the script look where the queue's level is not known.
    func plainMode(_ word: String) -> String { level.load(ordering: .relaxed) == 0 ? word : word + " 0" }

    /// A push in this mode was taken, so the queue asks for nothing.
    func notePlain(_ mode: String) {
        if mode.last == "0" { level.store(0, ordering: .relaxed) }
    }
}

extension RedisValue {
    var isNoQueue: Bool { array?.first?.string == "noqueue" }
}

extension Array {
    /// The array in slices of at most `size`.
    package func chunks(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
