// The result of one step of an action on a filter.

import MartletJSON
import MartletJobs
import MartletQueue

/// The numbers of a step, and the first jobs that it could not change.
struct FilterReport: Sendable {
    /// The most jobs that an answer shows.
    static let most = 10

    /// How many jobs have matched in this step.
    var matched = 0
    private var changed = 0
    private var stopping = 0
    private var unchanged = 0
    private var refused = 0
    private var errors: [JSONOutput] = []

    /// Adds the results of jobs.
    mutating func add(_ results: [ControlResult], _ ids: [JobID]) {
        for (result, id) in zip(results, ids) {
            switch result.verdict {
            case .done, .asked:
                if result.isChanged { changed += 1 } else { unchanged += 1 }
                if result.verdict == .asked { stopping += 1 }
            case .refused(let state): refuse(id, "it is \(state.rawValue) by now", state)
            case .missing: refuse(id, "there is no such job by now")
            case .invalid(let field): refuse(id, "\(field) is out of its range")
            case .uniqueKeyTaken(let holder): refuse(id, "\(holder) holds its unique key")
            }
        }
    }

    private mutating func refuse(_ id: JobID, _ error: String, _ state: JobState? = nil) {
        refused += 1
        guard errors.count < Self.most else { return }
        errors.append(
            .object([
                "id": .string(id.description), "error": .string(error), "state": state.map { .string($0.rawValue) },
            ]))
    }

    /// The members of an answer.
    func members(_ verb: ControlVerb, isDry: Bool) -> [(key: String, value: JSONOutput)] {
        let message = isDry ? "\(matched) match" : "\(changed) of \(matched)"
        let members: [(key: String, value: JSONOutput)?] = [
            ("message", .string("\(verb.actionName)\(isDry ? " would be" : "") done: \(message)")),
            ("matched", .int(matched)), ("changed", .int(changed)), ("stopping", .int(stopping)),
            ("unchanged", .int(unchanged)), ("refused", .int(refused)), isDry ? ("dry_run", true) : nil,
            ("errors", .array(errors)),
        ]
        return members.compactMap { $0 }
    }
}

// MARK: - Description

extension FilterReport {
    /// The members of an answer.
    static let properties: [Property] = [
        .always("message", .text, "What this call has done, for people."),
        .always("matched", .count, "How many jobs have matched in this call."),
        .always("changed", .count, "How many of them this call has changed."),
        .always("stopping", .count, "How many of them run and were asked to stop."),
        .always("unchanged", .count, "How many of them were already as they should be."),
        .always("refused", .count, "How many of them could not be changed."),
        .maybe("dry_run", .flag, "Whether nothing was changed."),
        .always("errors", .list(ActionReport.fault), "The first \(most) of those that could not be changed."),
        .maybe("jobs", .list(JobView.briefShape), "The first \(most) of those that match; with `dry_run`."),
        .always("scanned", .object(JobFinder.scannedShape), "How far the call came."),
        .always("next_cursor", .nullable(.text), "The `cursor` of the next call; `null` when the action is complete."),
        DamagedQueues.property,
    ]
    /// Those that the report of an action on ids does not have.
    static let ownProperties = properties.filter { property in
        !ActionReport.properties.contains { $0.name == property.name }
    }
    static let shape = ObjectShape("FilterActionReport", "A step of one verb on all jobs that match.", properties)
}
