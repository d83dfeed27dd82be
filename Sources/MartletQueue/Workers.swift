// The workers of a queue, as they spoke of themselves at their last beat.

public import FoundationEssentials
import MartletRedis

/// A worker process as a queue knows it.
public struct WorkerReport: Sendable {
    /// The worker's id, random for each start.
    public var worker: String
    /// The queue that it reported to.
    public var queue: QueueName
    /// When it last beat, by Redis' clock.
    public var lastBeat: Date
    /// How long that is ago.
    public var silentFor: Duration
    /// What it said of itself: a JSON object.
    public var says: [UInt8]
}

extension Queue {
    /// The workers that beat here within the last hour or so.
    ///
    /// One round trip.
    public func workers() async throws(QueueError) -> [WorkerReport] {
        guard let parts = try await read(.read, RedisArguments("workers")) else { return [] }
        guard parts.count == 3, let now = parts[1].int, let flat = parts[2].array else {
            throw .broken("read", .array(parts))
        }
        var reports: [WorkerReport] = []
        for (worker, text) in Self.words(flat) {
            let split = text.split(separator: " ", maxSplits: 1)
            guard split.count == 2, let at = Int(split[0]), split[1] != "{}" else { continue }
            reports.append(
                WorkerReport(
                    worker: worker, queue: name, lastBeat: Date(milliseconds: at),
                    silentFor: .milliseconds(now) - .milliseconds(at), says: Array(split[1].utf8)))
        }
        return reports.sorted { $0.worker < $1.worker }
    }
}
