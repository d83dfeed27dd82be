// Sweeping: periodic maintenance that any process may do at any time.

public import MartletJobs
import MartletRedis

/// The result of a sweep.
public struct SweepReport: Sendable {
    /// Whether more work remains.
    public var more: Bool
    /// The number of due jobs that were queued.
    public var promoted: Int
    /// The number of finished jobs that were removed by retention.
    public var forgotten: Int
    /// The jobs requeued from workers with expired leases, with their new states.
    public var takenBack: [JobID: JobState]
}

extension Queue {
    /// Sweeps once: at most 1 000 promotions and 200 of everything else.
    ///
    /// One round trip.
    ///
    /// A queue that does not exist is not created.
    ///
    /// - Returns: what was done.
    /// - Throws: ``QueueError``.
    public func sweep() async throws(QueueError) -> SweepReport {
        guard let parts = try await read(.sweep, RedisArguments()) else {
            return SweepReport(more: false, promoted: 0, forgotten: 0, takenBack: [:])
        }
        guard parts.count >= 4, let more = parts[1].int, let promoted = parts[2].int, let forgotten = parts[3].int
        else { throw .broken("sweep", .array(parts)) }
        var takenBack: [JobID: JobState] = [:]
        for part in parts.dropFirst(4) {
            guard let pair = part.array, pair.count == 2, let name = pair[0].string else {
                throw .broken("sweep", part)
            }
            // An index may contain an invalid id.
            if let id = JobID(stored: name) { takenBack[id] = pair[1].string.flatMap(JobState.init) }
        }
        return SweepReport(more: more == 1, promoted: promoted, forgotten: forgotten, takenBack: takenBack)
    }
}

extension JobStore {
    /// The queues that no process has swept recently, by Redis' clock.
    ///
    /// It takes one round trip for `wanted`, two for all queues, so that many processes may ask often without sweeping
    /// everything each time.
    ///
    /// - Parameters:
    ///   - wanted: the queues to check; `nil` means all.
    ///   - pause: how long ago the last sweep must be.
    /// - Returns: the queues to sweep.
    /// - Throws: ``QueueError``.
    public func queuesToSweep(
        among wanted: [QueueName]? = nil, unsweptFor pause: Duration
    ) async throws(QueueError) -> [QueueName] {
        let names: [QueueName]
        if let wanted { names = wanted } else { names = try await queueNames() }
        let looks = names.map { RedisRequest.command("HMGET", "\(prefix):{\($0)}:meta", "swept", "offset") }
        let replies = await redis.send([.command("TIME")] + looks)
        guard let first = replies.first else { return [] }
        let now = try Self.milliseconds(of: Self.value(first))
        return zip(names, replies.dropFirst()).filter { _, reply in
            // A queue that cannot be read is swept: the sweep reports what is wrong.
            guard let fields = try? reply.get().array, let swept = fields.first?.int else { return true }
            let (ago, isTooFar) = (now &+ (fields.last?.int ?? 0)).subtractingReportingOverflow(swept)
            return isTooFar || ago < 0 || ago >= pause.inMilliseconds
        }.map(\.0)
    }
}
