// One step of a verb on all jobs that match a filter. The caller holds the place; the server keeps nothing.

import MartletJSON
import MartletJobs
import MartletQueue

/// A verb on all jobs that match a filter, as one request asks for it.
struct FilterAction: Sendable {
    /// The most jobs that one call changes.
    static let most = 1000

    let verb: ControlVerb
    /// The queue in the filter, or in the query.
    let queue: QueueName?
    let filter: JobFilter
    let isDry: Bool
    let expectation: Expectation?
    /// Where the last call stopped.
    let cursor: ActionCursor?
    /// What the cursors of this action belong to.
    let digest: String

    /// How many jobs the caller believes to match.
    struct Expectation: Sendable {
        var count: Int
        var tolerance: Int

        /// Throws 409 when this many jobs, of which more may exist, are too many or too few.
        func check(_ found: Int, isAll: Bool) throws(HTTPProblem) {
            let isTooMany = found > count + tolerance
            guard isTooMany || (isAll && found < count - tolerance) else { return }
            let margin = tolerance > 0 ? " ± \(tolerance)" : ""
            throw HTTPProblem(
                .countDiffers, "\(isAll ? "" : "at least ")\(found) jobs match the filter, not \(count)\(margin)"
            )
            .with("matched", .int(found)).with("expected_count", .int(count))
        }
    }

    /// Reads the fields of the body; a job in a state in which the verb is not possible does not match.
    init(_ call: Call, _ fields: inout Fields) throws(HTTPProblem) {
        let verb = API.verb(&fields, JobActionFields.action)
        let found = fields.read(FilterActionField.filter)
        isDry = fields.read(JobActionFields.dryRun) ?? false
        let count = fields.read(FilterActionField.expectedCount)
        let tolerance = fields.read(FilterActionField.tolerance)
        let cursor = fields.read(FilterActionField.cursor)
        if fields.value("ids") != nil { fields.refuse(FilterActionField.filter, "cannot be combined with ids") }
        if tolerance != nil, count == nil { fields.refuse(FilterActionField.tolerance, "needs expected_count") }
        let inQuery = try call.query.read(CommonParameter.queue)
        if inQuery != nil, found?.queue != nil {
            fields.refuse(FilterActionField.filter, "cannot have a queue together with ?queue=")
        }
        if let verb, let found, verb.states(of: found.filter).isEmpty {
            let states = JobState.allCases.filter(verb.states.contains).map(\.rawValue)
            fields.refuse(
                "filter", "must have a state in which \(verb.actionName) is possible: \(states.joined(separator: ", "))"
            )
        }
        try fields.done()
        guard let verb, let found else { throw .invalid("/filter", "is required") }
        self.verb = verb
        queue = found.queue ?? inQuery
        filter = verb.narrowed(found.filter)
        expectation = count.map { Expectation(count: $0, tolerance: tolerance ?? 0) }
        let digest = Self.digest(verb, queue, found.filter)
        self.digest = digest
        self.cursor = try cursor.map { text throws(HTTPProblem) in
            guard let cursor = ActionCursor(text) else {
                throw .invalid("/cursor", "is not valid; use `next_cursor` of the last answer")
            }
            guard cursor.digest == digest else {
                throw .invalid("/cursor", "belongs to another action or another filter")
            }
            return cursor
        }
    }

    private static func digest(_ verb: ControlVerb, _ queue: QueueName?, _ filter: JobFilter) -> String {
        var priority = ""
        if case .patch(let value?, _, _) = verb { priority = String(value) }
        let words = [verb.actionName, priority, queue?.description ?? "", filter.canonical]
        return String(RequestDigest.of(Array(words.joined(separator: "\n").utf8)).prefix(16))
    }
}

/// A place in an action: where its search goes on, and how many jobs have matched so far.
struct ActionCursor: LosslessStringConvertible, Sendable {
    var digest: String
    var matched: Int
    var place: ListCursor

    init(digest: String, matched: Int, place: ListCursor) {
        self.digest = digest
        self.matched = matched
        self.place = place
    }

    init?(_ description: String) {
        let parts = description.split(separator: "~", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let matched = Int(parts[1]), matched >= 0, let place = ListCursor(String(parts[2]))
        else { return nil }
        self.init(digest: String(parts[0]), matched: matched, place: place)
    }

    var description: String { "\(digest)~\(matched)~\(place)" }
}

extension ControlVerb {
    /// The states in which it may change a job.
    var states: Set<JobState> {
        // A priority of a running job holds for its next attempt.
        if case .patch = self { return Set(JobState.allCases.filter { !$0.isFinal }) }
        return Set(JobState.allCases.filter { $0.allowedVerbs.contains(name) })
    }

    /// The states of a filter in which it may change a job.
    func states(of filter: JobFilter) -> Set<JobState> { states.intersection(filter.states ?? states) }

    /// The filter without jobs that it cannot change.
    ///
    /// So the action does not meet what it has changed: those jobs are in other indexes then, or have the priority.
    func narrowed(_ filter: JobFilter) -> JobFilter {
        var filter = filter
        filter.states = states(of: filter)
        if case .patch(let priority, _, _) = self { filter.exceptPriority = priority }
        return filter
    }
}
