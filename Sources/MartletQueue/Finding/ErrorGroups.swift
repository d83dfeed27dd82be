// Groups of errors: failures of one type whose errors have one fingerprint.

public import FoundationEssentials
import MartletRedis

/// Failures of one type of job whose errors have the same fingerprint.
///
/// A queue keeps the 200 groups that were seen last, for a week. An attempt that fails is counted whether or not its job
/// is retried.
///
/// ```swift
/// for group in try await queue.errorGroups() {
///     print(group.counts[.day] ?? 0, group.type, group.message)
/// }
/// ```
public struct ErrorGroup: Sendable, Hashable {
    /// A span of time in which failures are counted.
    ///
    /// The first two are counted in steps of 5 minutes, the others in steps of an hour: a count includes the step in
    /// which its span begins.
    public enum Window: String, Sendable, Hashable, CaseIterable {
        /// An hour.
        case hour = "1h"
        /// Three hours.
        case threeHours = "3h"
        /// A day.
        case day = "24h"
        /// Three days.
        case threeDays = "3d"
        /// A week.
        case week = "7d"
    }

    /// The queue.
    public var queue: QueueName
    /// The ``ErrorFingerprint`` of its errors.
    public var fingerprint: String
    /// The type of its jobs.
    public var type: String
    /// The first 512 bytes of its last error.
    public var message: String
    /// The job that failed last.
    public var lastJob: String
    /// When it was first seen.
    public var firstSeen: Date
    /// When it was last seen.
    public var lastSeen: Date
    /// How many attempts failed since it was first seen.
    public var total: Int
    /// How many of them failed lately.
    public var counts: [Window: Int]
    /// The score of its place in the index.
    var place: String

    /// Its name in the index.
    package var name: String { "\(fingerprint) \(type)" }
}

/// A place in a list of groups; see ``Queue/errorGroups(after:limit:)``.
package struct ErrorGroupPlace: Sendable, Hashable {
    /// Milliseconds.
    package var lastSeen: String
    package var name: String

    package init(lastSeen: String, name: String) {
        self.lastSeen = lastSeen
        self.name = name
    }

    package init(_ group: ErrorGroup) { self.init(lastSeen: group.place, name: group.name) }
}

extension Queue {
    /// The groups of errors that were seen in the last week, the latest first.
    ///
    /// - Parameter limit: the most groups; at most 200.
    /// - Returns: the groups; none for a queue that does not exist.
    /// - Throws: ``QueueError``.
    public func errorGroups(limit: Int = 200) async throws(QueueError) -> [ErrorGroup] {
        try await errorGroups(after: nil, limit: limit)
    }

    /// The same after a place.
    package func errorGroups(
        after place: ErrorGroupPlace?, limit: Int
    ) async throws(QueueError) -> [ErrorGroup] {
        let arguments = RedisArguments(
            "errors", place?.lastSeen ?? "", place?.name ?? "", "\(min(max(limit, 1), Schema.mostErrorGroups))")
        guard let parts = try await read(.read, arguments) else { return [] }
        guard parts.count >= 2, let now = parts[1].int else { throw .broken("read", .array(parts)) }
        return stride(from: 2, to: parts.count - 2, by: 3).compactMap {
            ErrorGroup(name: parts[$0], place: parts[$0 + 1], known: parts[$0 + 2], queue: name, now: now)
        }
    }
}

extension Queue {
    /// How many jobs of each group have failed now, as far as a budget goes.
    ///
    /// - Parameter budget: how much may be looked at; what is used is taken from it.
    /// - Returns: the numbers by the names of the groups, and whether all failed jobs were looked at.
    /// - Throws: ``QueueError``.
    package func failedJobs(
        _ budget: inout ScanBudget
    ) async throws(QueueError) -> (counts: [String: Int], isAll: Bool) {
        var counts: [String: Int] = [:]
        var walk = IndexWalk(self, [.failed], after: nil, fields: [.type, .error])
        while try await walk.fill(atMost: Queue.batchLimit) {
            while let entry = walk.next() {
                budget.spend()
                guard let job = entry.job, let fingerprint = job.errorFingerprint else { continue }
                counts["\(fingerprint) \(job.type)", default: 0] += 1
            }
            if budget.isSpent { return (counts, try await !walk.fill(atMost: 1)) }
        }
        return (counts, true)
    }
}

extension ErrorGroup {
    /// Parses what the script `read` says of a group; `nil` for what is none.
    init?(name: RedisValue, place: RedisValue, known: RedisValue, queue: QueueName, now: Int) {
        guard let name = name.string, let place = place.string, let seen = Int(place: place), let bytes = known.bytes,
            let blank = name.firstIndex(of: " "), ErrorFingerprint.isValid(String(name[..<blank]))
        else { return nil }
        let lines = bytes.split(separator: 10, maxSplits: 3, omittingEmptySubsequences: false)
        guard lines.count == 4 else { return nil }
        let text = lines.map { String(decoding: $0, as: UTF8.self) }
        let head = text[0].split(separator: " ")
        guard head.count == 3, let first = Int(head[0]), let total = Int(head[1]) else { return nil }
        self.init(
            queue: queue, fingerprint: String(name[..<blank]), type: String(name[name.index(after: blank)...]),
            message: text[3], lastJob: String(head[2]), firstSeen: Date(milliseconds: first),
            lastSeen: Date(milliseconds: seen), total: total.asLedgerCount,
            counts: Self.counts(
                fine: Ring(text[1], slot: Schema.fineErrorStep),
                coarse: Ring(text[2], slot: Schema.coarseErrorStep), now: now),
            place: place)
    }

    private static func counts(fine: Ring, coarse: Ring, now: Int) -> [Window: Int] {
        let hour = 3_600_000
        return [
            .hour: fine.sum(of: hour, before: now), .threeHours: fine.sum(of: 3 * hour, before: now),
            .day: coarse.sum(of: 24 * hour, before: now), .threeDays: coarse.sum(of: 72 * hour, before: now),
            .week: coarse.sum(of: 168 * hour, before: now),
        ]
    }
}

/// Counts by slots of time, as `slot:count`.
struct Ring {
    /// Milliseconds.
    private let slot: Int
    private let counts: [(slot: Int, count: Int)]

    init(_ text: String, slot: Int) {
        self.slot = slot
        counts = text.split(separator: " ").compactMap { word in
            let parts = word.split(separator: ":")
            guard parts.count == 2, let slot = Int(parts[0]), let count = Int(parts[1]) else { return nil }
            return (slot, count.asLedgerCount)
        }
    }

    /// The sum of the slots that a span before `now` touches, both in ms.
    func sum(of span: Int, before now: Int) -> Int {
        let first = (now - span) / slot
        return counts.reduce(0) { $1.slot >= first ? min($0 + $1.count, 1 << 53) : $0 }
    }
}
