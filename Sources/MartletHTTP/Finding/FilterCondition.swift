// The conditions of a filter: one table for the query of a list and for the body of an action.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

/// A condition that a query and a body spell alike, as a text.
struct FilterCondition: Described, Sendable {
    let property: Property
    /// Adds the condition to a filter; answers what is wrong with the text, if anything.
    let add: @Sendable (_ text: String, inout JobFilter) -> String?

    private init(
        _ name: String, _ schema: Schema, _ about: String, example: JSONValue? = nil,
        add: @escaping @Sendable (String, inout JobFilter) -> String?
    ) {
        property = Property(name: name, schema: schema, about: about, isNullable: true, example: example)
        self.add = add
    }

    /// All of them, in the order of the document.
    static let all = [state, type, tag, uniqueKey, createdAfter, createdBefore, error, text]

    /// The parameters of a query.
    static let parameters: [any Described] =
        all.map { condition in
            var property = condition.property
            property.isNullable = false
            return property
        } + [PayloadFilter.parameter]

    static let state = FilterCondition(
        "state",
        .keywords([
            "type": "string",
            "pattern": .string({ "^(\($0))(,(\($0)))*$" }(JobState.allCases.map(\.rawValue).joined(separator: "|"))),
        ]), "Only jobs in these states, with commas between them.", example: "queued,active"
    ) { text, filter in
        let words = text.split(separator: ",", omittingEmptySubsequences: false)
        let states = words.compactMap { JobState(rawValue: String($0)) }
        filter.states = Set(states)
        let all = JobState.allCases.map(\.rawValue).joined(separator: ", ")
        return states.count == words.count ? nil : "must be some of \(all), separated by commas"
    }

    private static let type = FilterCondition("type", .text, "Only jobs of this type; an empty one is none.") {
        text, filter in
        filter.type = text.isEmpty ? nil : text
        return nil
    }

    static let tag = FilterCondition("tag", .label(NewJob.Limit.tag), "Only jobs with this tag.") {
        text, filter in
        filter.tag = text
        return labelFault(text, NewJob.Limit.tag)
    }

    static let uniqueKey = FilterCondition(
        "unique_key", .label(NewJob.Limit.uniqueKey),
        "Only jobs with this unique key; those that have finished keep it in their description."
    ) { text, filter in
        filter.uniqueKey = text
        return labelFault(text, NewJob.Limit.uniqueKey)
    }

    private static let createdAfter = FilterCondition(
        "created_after", .time, "Only jobs that were pushed at this time or later."
    ) { text, filter in
        filter.createdAfter = Date(rfc3339: text)
        return filter.createdAfter == nil ? timeRule : nil
    }

    private static let createdBefore = FilterCondition(
        "created_before", .time, "Only jobs that were pushed before this time, which is later than `created_after`."
    ) { text, filter in
        filter.createdBefore = Date(rfc3339: text)
        guard let end = filter.createdBefore else { return timeRule }
        return filter.createdAfter.map { end <= $0 } ?? false ? "must be later than created_after" : nil
    }

    static let error = FilterCondition(
        "error", .keywords(["type": "string", "pattern": .string("^[0-9a-f]{\(ErrorFingerprint.length)}$")]),
        "Only jobs with an error of this fingerprint, which jobs have as `error_fingerprint`."
    ) { text, filter in
        filter.errorFingerprint = text
        return ErrorFingerprint.isValid(text)
            ? nil : "must be the `error_fingerprint` of a job: \(ErrorFingerprint.length) digits 0-9a-f"
    }

    static let text = FilterCondition(
        "q", .text(1...PayloadCondition.longest),
        "Only jobs with this text in their id, type, payload or error, in small or capital letters. A text that is the "
            + "id of a job finds that job alone."
    ) { text, filter in
        filter.text = text
        let isPlain = (1...PayloadCondition.longest).contains(text.utf8.count) && !text.hasControlCharacters
        return isPlain ? nil : "must have 1 to \(PayloadCondition.longest) bytes, without control characters"
    }

    private static func labelFault(_ text: String, _ limit: Int) -> String? {
        text.isLabel(upTo: limit) ? nil : NewJob.labelRule(limit)
    }
}

extension Query {
    /// The filter of the parameters; throws all that is wrong with it.
    func filter() throws(HTTPProblem) -> JobFilter {
        var filter = JobFilter()
        var errors: [FieldError] = []
        for condition in FilterCondition.all {
            guard let text = self[condition.property.name], let fault = condition.add(text, &filter) else { continue }
            errors.append(FieldError(pointer: "?\(condition.property.name)", detail: fault))
        }
        errors += PayloadFilter.add(members(of: PayloadFilter.name), to: &filter) { "?\(PayloadFilter.name).\($0)" }
        if !errors.isEmpty { throw .invalid(errors) }
        return filter
    }
}
