// Finding jobs by a filter: a walk over indexes within a budget.

package import MartletJobs

/// What a search has found.
///
/// ```swift
/// var found = try await queue.find(filter)
/// while let next = found.next {
///     found = try await queue.find(filter, after: next)
/// }
/// ```
public struct FoundJobs: Sendable {
    /// The jobs, in listing order.
    public var jobs: [JobRecord]
    /// Where the search goes on; `nil` when everything has been looked at.
    public var next: JobCursor?
    /// How many jobs were looked at.
    public var examined: Int
}

extension Queue {
    /// Finds jobs, in the order of ``list(states:type:after:limit:)``.
    ///
    /// It looks at no more than about 20 000 jobs, and for no longer than about 50 ms, so it may find fewer jobs than
    /// `limit`, or none, and still have a next page. A text that is the id of a job finds that job or none, at once.
    ///
    /// Jobs that stay where they are while the pages are read are found exactly once. Jobs that come, change or move
    /// meanwhile may be found or not.
    ///
    /// - Parameters:
    ///   - filter: the conditions.
    ///   - cursor: where to start; `nil` starts at the beginning.
    ///   - limit: the most jobs to find; 50 by default.
    /// - Returns: the jobs that match, as they were read.
    /// - Throws: ``QueueError``.
    public func find(
        _ filter: JobFilter, after cursor: JobCursor? = nil, limit: Int = 50
    ) async throws(QueueError) -> FoundJobs {
        if cursor == nil, let id = filter.exactID, let job = try await job(id) {
            return FoundJobs(jobs: filter.accepts(named: job) ? [job] : [], next: nil, examined: 1)
        }
        var budget = ScanBudget()
        let found = try await scan(filter, after: cursor, limit: limit, &budget)
        let jobs = try await whole(found.jobs, by: filter)
        return FoundJobs(jobs: jobs, next: found.next, examined: budget.examined)
    }

    /// All fields of jobs that a scan has found; those that do not match any more are left out.
    package func whole(_ jobs: [JobRecord], by filter: JobFilter) async throws(QueueError) -> [JobRecord] {
        guard !jobs.isEmpty else { return [] }
        let matcher = JobMatcher(filter)
        return try await self.jobs(jobs.map(\.id)).compactMap { $0 }.filter(matcher.accepts)
    }

    /// Scans for jobs; they have only the fields that the filter needs, without the payload.
    package func scan(
        _ filter: JobFilter, after cursor: JobCursor?, limit: Int, _ budget: inout ScanBudget
    ) async throws(QueueError) -> (jobs: [JobRecord], next: JobCursor?) {
        let matcher = JobMatcher(filter)
        var jobs: [JobRecord] = []
        for section in filter.sections where Self.isDue(section, cursor) {
            var place = Self.start(section, cursor)
            var walk = IndexWalk(self, section, after: place.after, fields: filter.fields)
            while try await walk.fill(atMost: Queue.batchLimit) {
                while let entry = walk.next() {
                    place.after = entry.place
                    budget.spend()
                    if var job = entry.job, matcher.accepts(job) {
                        // Payloads may be large, and those who need them read the job whole.
                        job.payload = []
                        jobs.append(job)
                    }
                    if jobs.count == limit { return (jobs, place) }
                }
                if budget.isSpent { return (jobs, place) }
            }
        }
        return (jobs, nil)
    }
}

extension JobFilter {
    /// The id that the text would be; `nil` for texts that cannot be an id.
    package var exactID: JobID? { text.flatMap { JobID($0) } }

    /// Whether the job whose id the text is fulfils the other conditions.
    package func accepts(named job: JobRecord) -> Bool {
        var others = self
        others.text = nil
        return JobMatcher(others).accepts(job)
    }
}
