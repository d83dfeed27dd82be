// One queue: a name over a store, and the one way in which its scripts are called.

import MartletJobs
import MartletRedis

/// One queue of a store.
///
/// A value: make as many as you like.
///
/// Its operations throw ``QueueError``, which says whether anything happened.
public struct Queue: Sendable {
    /// The most jobs that go into one call of a script, but for atomic pushes and claims.
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

    /// Runs one script; creates the queue first where it does not exist yet.
    func run(_ script: QueueScript, _ arguments: RedisArguments, ids: [JobID] = []) async throws(QueueError)
        -> RedisValue
    {
        try await run([(script, arguments, ids)])[0].get()
    }

    /// Runs several scripts in one write and one wait, in their order, each with a result of its own.
    func run(_ calls: [(QueueScript, RedisArguments, [JobID])]) async -> [Result<RedisValue, QueueError>] {
        var results = await send(calls)
        guard results.contains(where: { $0.isNoQueue }) else { return results }
        do throws(QueueError) { try await create() } catch {
            return results.map { $0.isNoQueue ? .failure(error) : $0 }
        }
        let again = calls.indices.filter { results[$0].isNoQueue }
        for (index, result) in zip(again, await send(again.map { calls[$0] })) { results[index] = result }
        return results
    }

    /// Runs a script that only reads.
    ///
    /// `nil` when the queue does not exist. Reading never creates one.
    func read(_ script: QueueScript, _ arguments: RedisArguments) async throws(QueueError) -> [RedisValue]? {
        let result = await send([(script, arguments, [])])[0]
        if result.isNoQueue { return nil }
        guard let parts = try result.get().array else { throw .broken(script.name, try result.get()) }
        return parts
    }

    private func send(_ calls: [(QueueScript, RedisArguments, [JobID])]) async -> [Result<RedisValue, QueueError>] {
        let requests = calls.map { RedisRequest.script(store.scripts[$0.0], keys: keys.arguments, arguments: $0.1) }
        let replies = await store.redis.send(requests)
        return zip(replies, calls).map { reply, call in
            switch reply {
            case .failure(let error): .failure(QueueError(error, ids: call.2))
            case .success(let value): Self.checked(value)
            }
        }
    }

    private static func checked(_ value: RedisValue) -> Result<RedisValue, QueueError> {
        guard let first = value.array?.first?.string, first == "schema" else { return .success(value) }
        let schema = value.array?.last?.string ?? "?"
        return .failure(
            QueueError(
                .refused(.newerSchema(schema)),
                message: "this queue was written by a newer Martlet (schema \(schema)); upgrade this process"))
    }
}

/// What the callers of one queue share in a process: their single pushes and look-ups travel together.
final class QueueCalls: Sendable {
    /// Fifteen texts, made once.
    let keys: QueueKeys
    let pushes: Coalescer<NewJob, EnqueueVerdict>
    let lookUps: Coalescer<JobID, JobRecord?>

    init(_ keys: QueueKeys, executor: any TaskExecutor) {
        self.keys = keys
        pushes = Coalescer(limit: Queue.batchLimit, executor: executor)
        lookUps = Coalescer(limit: 100, executor: executor)
    }
}

extension Result where Success == RedisValue, Failure == QueueError {
    fileprivate var isNoQueue: Bool {
        guard case .success(let value) = self else { return false }
        return value.array?.first?.string == "noqueue"
    }
}

extension Array {
    /// The array in slices of at most `size`.
    func chunks(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
