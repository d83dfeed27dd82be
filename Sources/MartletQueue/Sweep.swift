// Sweeping: the housekeeping that any process may do at any time.

public import MartletJobs
import MartletRedis

/// What a sweep did.
public struct SweepReport: Sendable {
    /// Whether there is more to do at once.
    public var more: Bool
    /// How many due jobs came into line.
    public var promoted: Int
    /// How many finished jobs were forgotten.
    public var forgotten: Int
    /// The jobs that were taken back from workers whose lease was over, each with its new state.
    public var takenBack: [JobID: JobState]
}

extension Queue {
    /// Sweeps once: at most 1 000 promotions and 200 of all else.
    ///
    /// One round trip.
    public func sweep() async throws(QueueError) -> SweepReport {
        let value = try await run(.sweep, RedisArguments())
        guard let parts = value.array, parts.count >= 4, let more = parts[1].int, let promoted = parts[2].int,
            let forgotten = parts[3].int
        else { throw .broken("sweep", value) }
        var takenBack: [JobID: JobState] = [:]
        for part in parts.dropFirst(4) {
            guard let pair = part.array, pair.count == 2, let id = pair[0].string.flatMap({ JobID(stored: $0) }) else {
                throw .broken("sweep", part)
            }
            takenBack[id] = pair[1].string.flatMap(JobState.init)
        }
        return SweepReport(more: more == 1, promoted: promoted, forgotten: forgotten, takenBack: takenBack)
    }
}
