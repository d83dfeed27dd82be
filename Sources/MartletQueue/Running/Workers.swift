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
    /// How many workers of a queue are listed.
    public static let workerLimit = 1000

    /// The workers that beat here within the last hour or so, sorted; at most so many.
    ///
    /// One round trip for about 200 of them.
    public func workers(atMost most: Int = Queue.workerLimit) async throws(QueueError) -> [WorkerReport] {
        var reports: [String: WorkerReport] = [:]
        var cursor = "0"
        repeat {
            guard let parts = try await read(.read, RedisArguments("workers", cursor)) else { return [] }
            guard parts.count == 4, let now = parts[1].int, let next = parts[2].string, let flat = parts[3].array else {
                throw .broken("read", .array(parts))
            }
            for (worker, text) in Self.words(flat) { reports[worker] = report(worker, text, now: now) }
            cursor = next
        } while cursor != "0" && reports.count < most
        return Array(reports.values.sorted { $0.worker < $1.worker }.prefix(most))
    }

    /// `<ms> <JSON>`; `nil` for a worker that only claims: its entry holds the number of a claim and an empty object.
    private func report(_ worker: String, _ text: String, now: Int) -> WorkerReport? {
        let split = text.split(separator: " ", maxSplits: 1)
        guard split.count == 2, let at = Int(split[0]), split[1] != "{}" else { return nil }
        return WorkerReport(
            worker: worker, queue: name, lastBeat: Date(milliseconds: at),
            silentFor: .milliseconds(now) - .milliseconds(at), says: Array(split[1].utf8))
    }
}
