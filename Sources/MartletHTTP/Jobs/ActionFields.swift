// The fields of one verb on many jobs.

import MartletJSON
import MartletJobs
import MartletQueue

/// The fields of `POST /api/v1/jobs/actions`.
enum JobActionFields {
    static let action = ActionField.action(["cancel", "pause", "resume", "retry", "run", "delete", "priority"])
    static let ids = LimitedField.batch("ids", of: .text, "The ids of the jobs; not together with `filter`.")
    static let dryRun = Field.flag(
        "dry_run", "Whether nothing is changed, and only the results are shown.", default: false)
    /// The other fields are only for a filter.
    static let shape = ObjectShape(
        body: "JobAction", "One verb for many jobs: for those with these ids, or for all that match a filter.",
        [
            action, ActionField.priority, ids, FilterActionField.filter, dryRun, FilterActionField.expectedCount,
            FilterActionField.tolerance, FilterActionField.cursor,
        ],
        rules: ActionField.rules.adding(ShapeRule.exactlyOne("ids", "filter")))
}

extension JSONObject {
    /// The object with the members of another one.
    fileprivate func adding(_ other: JSONObject) -> JSONObject {
        other.fields.reduce(into: self) { $0[$1.name] = $1.value }
    }
}

/// The fields of `POST /api/downloads/batch-action`.
enum DownloadActionFields {
    static let action = ActionField.action(["cancel", "pause", "resume", "retry", "priority"])
    static let ids = LimitedField.batch("download_ids", of: .text, "The ids of the downloads.", required: true)

    static let shape = ObjectShape(
        body: "DownloadAction", "One verb for many downloads.", [action, ActionField.priority, ids],
        rules: ActionField.rules)
}

/// What actions on jobs and on downloads have in common.
enum ActionField {
    static let priority = Field.integer(
        "priority", in: NewJob.Limit.priorities, "The new priority; only with the action `priority`, which needs it.")
    static let rules = ShapeRule.only("priority", where: "action", is: "priority")

    /// The verb, one of these.
    static func action(_ known: [String]) -> Field<String> {
        Field("action", .words(known), "What is done to each of them.", required: true) { fields in
            guard let action = fields.text("action", required: true) else { return nil }
            if !known.contains(action) {
                fields.refuse("action", "must be one of \(known.joined(separator: ", "))")
            }
            return action
        }
    }
}

extension API {
    /// The verb in `action`, with `priority` if it needs one.
    static func verb(_ fields: inout Fields, _ field: Field<String>) -> ControlVerb? {
        let action = fields.read(field)
        let priority = fields.read(ActionField.priority)
        guard let action else { return nil }
        if action == "priority", !fields.has(ActionField.priority) {
            fields.refuse(ActionField.priority, "is required with the action priority")
        } else if action != "priority", fields.has(ActionField.priority) {
            fields.refuse(
                ActionField.priority, "cannot be combined with the action \(action.prefix(32)), only with priority")
        }
        switch action {
        case "cancel": return .cancel
        case "pause": return .pause
        case "resume": return .resume
        case "retry": return .retry
        case "run": return .run
        case "delete": return .delete
        default: return priority.map { .priority($0) }
        }
    }

    /// A list of ids, each as text and, if valid, as an id.
    static func ids(
        _ field: LimitedField<[JSONText]>, _ fields: inout Fields, _ settings: ServerSettings
    ) throws(HTTPProblem) -> [(text: String, id: JobID?)]? {
        let (name, limit) = (field.property.name, settings.batchLimit)
        guard let list = fields.read(field, settings) else {
            if !fields.has(name) { fields.refuse(name, "is required: a list of ids") }
            return nil
        }
        guard list.count <= limit else { throw .tooLarge("\(name) has at most \(limit) ids", limit: limit) }
        let texts = list.compactMap(\.string)
        if texts.count != list.count { fields.refuse(name, "must have only strings") }
        return texts.map { ($0, JobID($0)) }
    }
}
