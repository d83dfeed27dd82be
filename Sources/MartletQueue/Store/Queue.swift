// A queue: a name in a store, and the function that calls its scripts.

import MartletEventLoop
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
    /// The operator's call in which changes are made; recorded with them.
    var author: TrailAuthor?

    init(name: QueueName, store: JobStore, calls: QueueCalls) {
        self.name = name
        self.store = store
        self.calls = calls
        keys = calls.keys
    }

    /// Runs a script; creates the queue first if it does not exist.
    func run(_ script: QueueScript, _ arguments: RedisArguments, ids: [JobID] = []) async throws(QueueError)
        -> RedisValue
    {
        var value = try await send(script, arguments, ids)
        for _ in 0..<3 where value.isNoQueue {
            try await recorded(as: nil).create()
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
    /// `nil` when the queue does not exist; reading never creates one.
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
        // Written at once: Redis processes a turn or push while the remaining tasks of this thread run. Deferring it to
        // the end of the tick, as for single commands, would halve the throughput of handlers on the connection's
        // thread.
        do throws(RedisError) { value = try await store.redis.send(request, writesAtOnce: true) } catch {
            throw QueueError(error, ids: ids)
        }
        return try Self.checked(value)
    }

    /// The value, unless the queue has a newer schema than this process.
    static func checked(_ value: RedisValue) throws(QueueError) -> RedisValue {
        guard value.array?.first?.string == "schema" else { return value }
        let stored = value.array?.last?.string ?? "?"
        let schema = String(stored.prefix { $0 != " " })
        throw QueueError(
            .refused(.newerSchema(schema)),
            message: "this queue was written by a newer Martlet (schema \(schema)); upgrade this process")
    }
}

/// The state that the callers of one queue share in a process: their single pushes and reads are batched.
final class QueueCalls: Sendable {
    /// Texts, made once.
    let keys: QueueKeys
    let pushes: Coalescer<NewJob, EnqueueVerdict>
    let lookUps: Coalescer<JobID, JobRecord?>
    /// The durability that the queue requires of pushes; negative while unknown.
    let level = Atomic(-1)
    /// The highest total of created jobs in the replies to this process's pushes.
    let acknowledged = Atomic(0)
    /// By how much a reply, or a restarted Redis, was below an earlier reply.
    let missing = Atomic(0)
    /// How often the two values above were reset.
    let generation = Atomic(0)

    init(_ keys: QueueKeys, connection: EventLoopExecutor?) {
        self.keys = keys
        pushes = Coalescer(limit: Queue.batchLimit, connection: connection)
        lookUps = Coalescer(limit: 100, connection: connection)
    }

    /// The mode of a push without durability; the script checks the queue's level while it is unknown here.
    func plainMode(_ word: String) -> String { level.load(ordering: .relaxed) == 0 ? word : word + " 0" }

    /// A push in this mode was accepted, so the queue requires nothing.
    func notePlain(_ mode: String) {
        if mode.last == "0" { level.store(0, ordering: .relaxed) }
    }
}

extension RedisValue {
    var isNoQueue: Bool { array?.first?.string == "noqueue" }
}

extension Array {
    /// Slices of the array with at most `size` elements.
    package func chunks(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
