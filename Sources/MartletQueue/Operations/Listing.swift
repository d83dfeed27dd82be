// Reading jobs: by id, and page by page in index order.

public import MartletJobs
import MartletRedis

/// A page of a listing.
///
/// ```swift
/// var page = try await queue.list(states: [.failed])
/// while let next = page.next {
///     page = try await queue.list(states: [.failed], after: next)
/// }
/// ```
public struct JobPage: Sendable {
    /// The jobs, in order.
    public var jobs: [JobRecord]
    /// Where the next page starts; `nil` after the last one.
    public var next: JobCursor?
}

/// A position in a listing.
///
/// Opaque to clients; remains valid while jobs come and go.
///
/// ```swift
/// let link = page.next.map { "/failed?after=\($0)" }
/// let next = JobCursor(text)  // nil when the text is no cursor
/// ```
public struct JobCursor: Sendable, Hashable, LosslessStringConvertible {
    /// The index that the next page starts in; `completed` for the merged indexes of finished jobs.
    var index: JobIndex
    /// The score and id of the last listed job; `nil` at the start of the index.
    var after: (score: String, id: String)?

    init(index: JobIndex, after: (score: String, id: String)? = nil) {
        self.index = index
        self.after = after
    }

    /// Parses ``description``.
    ///
    /// - Parameter description: the text.
    /// - Returns: `nil` for invalid text.
    public init?(_ description: String) {
        let parts = description.split(separator: "~", omittingEmptySubsequences: false)
        guard let index = parts.first.flatMap({ JobIndex(rawValue: String($0)) }) else { return nil }
        self.index = index
        if parts.count == 1 { return }
        guard parts.count == 3, Double(place: parts[1]) != nil, JobID(stored: String(parts[2])) != nil else {
            return nil
        }
        after = (String(parts[1]), String(parts[2]))
    }

    /// The cursor as text that is safe in a URL.
    public var description: String {
        guard let after else { return index.rawValue }
        return "\(index.rawValue)~\(after.score)~\(after.id)"
    }

    /// Compares positions.
    ///
    /// - Parameters:
    ///   - left: a cursor.
    ///   - right: another cursor.
    /// - Returns: whether both are the same position.
    public static func == (left: JobCursor, right: JobCursor) -> Bool { left.description == right.description }
    /// Hashes the position.
    ///
    /// - Parameter hasher: the hasher.
    public func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

extension Queue {
    /// Reads a job.
    ///
    /// One round trip; concurrent reads of many tasks are sent together.
    ///
    /// - Parameter id: the job's id.
    /// - Returns: the job; `nil` when there is none.
    /// - Throws: ``QueueError``.
    public func job(_ id: JobID) async throws(QueueError) -> JobRecord? {
        try await calls.lookUps.call(id) { ids throws(QueueError) in try await jobs(ids) }
    }

    /// Reads jobs.
    ///
    /// One round trip per 500.
    ///
    /// - Parameter ids: the jobs' ids.
    /// - Returns: the jobs in the order of the ids, `nil` where there is none.
    /// - Throws: ``QueueError``.
    public func jobs(_ ids: [JobID]) async throws(QueueError) -> [JobRecord?] {
        var records: [JobRecord?] = []
        for chunk in ids.chunks(of: Queue.batchLimit) {
            var arguments = RedisArguments("jobs")
            for id in chunk { arguments.append(id.description) }
            guard let parts = try await read(.read, arguments) else { return ids.map { _ in nil } }
            guard parts.count == chunk.count + 2, let now = parts[1].int else { throw .broken("read", .array(parts)) }
            for (part, id) in zip(parts.dropFirst(2), chunk) {
                records.append(try JobRecord(part, id: id, queue: name, now: now))
            }
        }
        return records
    }

    /// Lists jobs: active ones first, then in running order, then delayed, paused, and finished ones, newest first.
    ///
    /// It examines at most 1 000 jobs, so a page under a rare filter may be short and still have a next one.
    ///
    /// - Parameters:
    ///   - states: the states to list; `nil` means all.
    ///   - type: the wire name to list; `nil` means all.
    ///   - cursor: where to start; `nil` starts at the beginning.
    ///   - limit: the most jobs of the page; 50 by default.
    /// - Returns: the page.
    /// - Throws: ``QueueError``.
    public func list(
        states: Set<JobState>? = nil, type: String? = nil, after cursor: JobCursor? = nil, limit: Int = 50
    ) async throws(QueueError) -> JobPage {
        var filter = JobFilter()
        filter.states = states
        var page = JobPage(jobs: [], next: nil)
        var budget = 1000
        for section in filter.sections where Self.isDue(section, cursor) {
            var place = Self.start(section, cursor)
            while true {
                if page.jobs.count == limit || budget <= 0 { return page.ending(at: place) }
                let asked = min(200, max(limit - page.jobs.count, states == nil && type == nil ? 1 : 50))
                let found = try await jobs(in: section, after: place.after, limit: asked)
                budget -= max(found.count, 1)
                for job in found {
                    place.after = (job.place, job.id.description)
                    guard states?.contains(job.state) ?? true, type == nil || job.type == type else { continue }
                    page.jobs.append(job)
                    if page.jobs.count == limit { break }
                }
                if found.count < asked, place.after?.id == found.last?.id.description || found.isEmpty { break }
            }
        }
        return page
    }

    static func isDue(_ section: [JobIndex], _ cursor: JobCursor?) -> Bool {
        guard let cursor else { return true }
        let order = JobIndex.allCases
        let at = order.firstIndex(of: cursor.index.isFinal ? .completed : cursor.index) ?? 0
        let here = order.firstIndex(of: section[0].isFinal ? .completed : section[0]) ?? 0
        return here >= at
    }

    static func start(_ section: [JobIndex], _ cursor: JobCursor?) -> JobCursor {
        let index = section[0].isFinal ? JobIndex.completed : section[0]
        return JobCursor(index: index, after: cursor?.index == index ? cursor?.after : nil)
    }

    /// The next jobs of one index, or of several final ones merged, newest first.
    private func jobs(
        in section: [JobIndex], after place: (score: String, id: String)?, limit: Int
    ) async throws(QueueError) -> [JobRecord] {
        var found: [JobRecord] = []
        for index in section {
            let arguments = RedisArguments(
                "page", index.rawValue, place?.score ?? "", place?.id ?? "", "\(limit)", index.isFinal ? "desc" : "asc")
            guard let parts = try await read(.read, arguments) else { return [] }
            guard parts.count >= 2, let now = parts[1].int else { throw .broken("read", .array(parts)) }
            for part in parts.dropFirst(2) {
                guard let job = try JobRecord(part, queue: name, now: now) else { continue }
                found.append(job)
            }
        }
        guard section.count > 1 else { return found }
        found.sort { left, right in
            let (a, b) = (Double(place: left.place) ?? 0, Double(place: right.place) ?? 0)
            return a != b ? a > b : left.id.description > right.id.description
        }
        return Array(found.prefix(limit))
    }
}

extension JobPage {
    fileprivate func ending(at place: JobCursor) -> JobPage { JobPage(jobs: jobs, next: place) }
}
