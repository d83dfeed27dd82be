// Which jobs are looked for: conditions that all must hold.

public import FoundationEssentials
import MartletJobs

/// Conditions on jobs; a job matches when all of them hold.
///
/// ```swift
/// var filter = JobFilter()
/// filter.states = [.failed]
/// filter.tag = "billing"
/// filter.payload = [PayloadCondition("customer.id", equals: "4711")].compactMap(\.self)
/// let found = try await queue.find(filter)
/// ```
public struct JobFilter: Sendable, Hashable {
    /// The states; `nil` means all.
    public var states: Set<JobState>?
    /// The wire name.
    public var type: String?
    /// One of the job's tags.
    public var tag: String?
    /// The unique key, also of jobs that have finished and no longer hold it.
    public var uniqueKey: String?
    /// The earliest time of the push.
    public var createdAfter: Date?
    /// The time before which it was pushed.
    public var createdBefore: Date?
    /// The fingerprint of the error; see ``ErrorFingerprint``.
    public var errorFingerprint: String?
    /// A text in the id, type, payload or error, in small or capital letters.
    ///
    /// A text that is the id of a job finds that job alone.
    public var text: String?
    /// Values in the payload.
    public var payload: [PayloadCondition] = []
    /// A priority that the job must not have.
    package var exceptPriority: Int?
    /// The fields of payloads that a text is not searched in.
    package var hidden: HiddenFields?

    /// Creates a filter without conditions, which every job matches.
    public init() {}

    /// Whether jobs must be read to know whether they match; states are known by their indexes.
    package var readsJobs: Bool {
        var copy = self
        copy.states = nil
        copy.hidden = nil
        return copy != JobFilter()
    }
}

extension JobFilter {
    /// The conditions as a text, the same for the same conditions in every process.
    package var canonical: String {
        let times = [createdAfter, createdBefore].map { $0.map { "\($0.timeIntervalSince1970)" } }
        let words = [states.map { $0.map(\.rawValue).sorted().joined(separator: ",") }, type, tag, uniqueKey]
        let values = payload.flatMap { [$0.path.joined(separator: "."), $0.value] }
        let all = words + times + [errorFingerprint, text] + values.map { $0 }
        return all.map { $0.map { "\($0.utf8.count):\($0)" } ?? "-" }.joined(separator: " ")
    }

    /// The fields that a match depends on; the type is always the first.
    var fields: [JobField] {
        var fields: [JobField] = [.type]
        if states != nil { fields.append(.token) }
        if tag != nil { fields.append(.tags) }
        if uniqueKey != nil { fields.append(.uniqueKey) }
        if createdAfter != nil || createdBefore != nil { fields.append(.createdAt) }
        if errorFingerprint != nil || text != nil { fields.append(.error) }
        if text != nil || !payload.isEmpty { fields.append(.payload) }
        if exceptPriority != nil { fields.append(.priority) }
        return fields
    }

    /// The indexes that may hold matching jobs, in listing order; the final ones, which are merged, stand together.
    package var sections: [[JobIndex]] {
        let wanted = Set((states ?? Set(JobState.allCases)).map(\.index))
        let indexes = JobIndex.allCases.filter(wanted.contains)
        let final = indexes.filter(\.isFinal)
        return indexes.filter { !$0.isFinal }.map { [$0] } + (final.isEmpty ? [] : [final])
    }
}

/// A filter that is ready to be applied to many jobs.
struct JobMatcher {
    private let filter: JobFilter
    private let pattern: TextPattern?

    init(_ filter: JobFilter) {
        self.filter = filter
        pattern = filter.text.map { TextPattern($0) }
    }

    /// Whether a job with at least the fields that the filter needs matches; cheap conditions first.
    func accepts(_ job: JobRecord) -> Bool {
        if let states = filter.states, !states.contains(job.state) { return false }
        if let type = filter.type, job.type != type { return false }
        if let tag = filter.tag, !job.tags.contains(tag) { return false }
        if let key = filter.uniqueKey, job.uniqueKey != key { return false }
        if let first = filter.createdAfter, job.createdAt < first { return false }
        if let end = filter.createdBefore, job.createdAt >= end { return false }
        if let priority = filter.exceptPriority, job.priority == priority { return false }
        if let fingerprint = filter.errorFingerprint, job.errorFingerprint != fingerprint { return false }
        if let pattern, !holds(pattern, job) { return false }
        return PayloadCondition.allHold(filter.payload, in: job.payload)
    }

    private func holds(_ pattern: TextPattern, _ job: JobRecord) -> Bool {
        pattern.isIn(job.id.description) || pattern.isIn(job.type) || job.error.map(pattern.isIn) ?? false
            || pattern.isIn(filter.hidden?.shown(job.payload, type: job.type) ?? job.payload)
    }
}
