// The workers of a queue, from their last heartbeats.

public import FoundationEssentials
package import MartletJobs
import MartletRedis

/// A worker process as a queue knows it.
///
/// ```swift
/// for report in try await queue.workers() {
///     print(report.worker, report.sinceHeartbeat, String(decoding: report.info, as: UTF8.self))
/// }
/// ```
public struct WorkerReport: Sendable {
    /// The worker's id, random for each start.
    public var worker: String
    /// The queue that it reported to.
    public var queue: QueueName
    /// The time of its last heartbeat, by Redis' clock.
    public var lastHeartbeat: Date
    /// The time since then.
    public var sinceHeartbeat: Duration
    /// The worker's information, a JSON object.
    public var info: [UInt8]
}

extension Queue {
    /// The most workers of a queue that are listed.
    public static let workerLimit = 1000

    /// Lists the workers that sent a heartbeat here within the last hour, sorted by id.
    ///
    /// One round trip per 200.
    ///
    /// - Parameter most: the most workers to list; 1 000 by default.
    /// - Returns: the workers.
    /// - Throws: ``QueueError``.
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

    /// Parses `<ms> <JSON>`; `nil` for a worker that only claims: its entry is a claim number and an empty object.
    private func report(_ worker: String, _ text: String, now: Int) -> WorkerReport? {
        let split = text.split(separator: " ", maxSplits: 1)
        guard split.count == 2, let at = Int(split[0]), split[1] != "{}" else { return nil }
        return WorkerReport(
            worker: worker, queue: name, lastHeartbeat: Date(milliseconds: at),
            sinceHeartbeat: .milliseconds(now) - .milliseconds(at), info: Array(split[1].utf8))
    }

    /// The active jobs with their tokens; one round trip per 500.
    ///
    /// Jobs that are claimed or settled meanwhile may be missing.
    package func heldTokens() async throws(QueueError) -> [(id: JobID, token: String)] {
        var held: [String: String] = [:]
        var cursor = "0"
        repeat {
            guard let parts = try await read(.read, RedisArguments("held", cursor)) else { return [] }
            guard parts.count == 4, let next = parts[2].string, let flat = parts[3].array else {
                throw .broken("read", .array(parts))
            }
            for (id, token) in Self.words(flat) { held[id] = token }
            cursor = next
        } while cursor != "0"
        return held.compactMap { name, token in
            // The star behind a stored token is no part of it.
            JobID(stored: name).map { ($0, token.last == "*" ? String(token.dropLast()) : token) }
        }
    }
}
