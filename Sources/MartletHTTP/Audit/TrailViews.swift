// An entry of the audit trail in JSON, and its description.

import MartletJSON
import MartletQueue

/// The descriptions of the audit trail.
enum TrailView {
    static let page = ObjectShape(
        "AuditPage", "A page of the audit trail.",
        [
            .always("entries", .list(entry), "The entries, newest first."),
            .always("examined", .count, "How many entries this call has looked at."),
            .always("next_cursor", .nullable(.text), "Where the next page begins; `null` at the end."),
        ])

    static let entry = ObjectShape(
        "AuditEntry", "What an operator did, or tried to do.",
        [
            .always("id", .text, "The place of the entry."),
            .always("at", .time, "When, by Redis' clock."),
            .maybe("who", .text, "The name of the token; `local` on a server without tokens."),
            .maybe(
                "client", .words(ClaimedClient.self),
                "The program, by its own word: `api` for all that do not say who they are."),
            .maybe("address", .text, "The address of the client; of IPv6 the network."),
            .maybe("operation", .text, "The operation, as this document names it."),
            .maybe("request_id", .text, "The request, as the log names it; its entries belong together."),
            .always("action", .text, "What was done: the verb, or the operation."),
            .always("result", .words(Self.results), "What came of it; `partly` where some jobs were refused."),
            .maybe("queue", .text, "The queue."),
            .maybe("job", .text, "The job that a refused request names."),
            .maybe("reason", .text, "The code of the problem that a refused request was answered with."),
            .maybe("also_refused", .count, "How many like it were refused since the last such entry, without one."),
            .maybe("filter", .anyObject, "The filter of an action; texts and values of payloads are left out."),
            .maybe("total", .count, "How many jobs the step was about."),
            .maybe("changed", .count, "How many of them it changed."),
            .maybe("refused", .count, "How many were refused."),
            .maybe("jobs", .list(job), "The first of the jobs."),
            .maybe("before", .map(.text), "The values before."), .maybe("after", .map(.text), "The values after."),
        ])

    private static let job = ObjectShape(
        "AuditJob", "What came of one job.",
        [
            .always("id", .text, "The job."), .maybe("before", .text, "Its state before."),
            .maybe("after", .text, "Its state after."),
            .always(
                "result", .words(["done", "asked", "refused", "missing"]),
                "`asked` for a running job that was asked to stop."),
            .maybe(
                "changes", .list(change),
                "The values that were changed; of payloads digests that mean nothing elsewhere."),
        ])
    private static let change = ObjectShape(
        "AuditChange", "A value of a job.",
        [
            .always("name", .text, "The value."), .maybe("before", .text, "What it was."),
            .maybe("after", .text, "What it is."),
        ])

    static let results = ["done", "refused", "partly", "started", "unknown"]
}

extension TrailEntry {
    /// The value of a member that the server wrote.
    func text(_ name: String) -> String? { member(name)?.string }

    private func member(_ name: String) -> JSONText? { by.first { $0.key == name }?.value }

    /// The queue of the trail, or the one that is named.
    var queueName: QueueName? { queue ?? text("queue").flatMap { QueueName($0) } }

    private var refusedJobs: Int { ["state", "missing", "invalid", "unique"].reduce(0) { $0 + (counts[$1] ?? 0) } }
    private var acceptedJobs: Int { (counts["done"] ?? 0) + (counts["asked"] ?? 0) }

    /// What came of it.
    var result: String {
        switch answer {
        case "ok" where refusedJobs == 0: "done"
        case "ok" where acceptedJobs == 0: "refused"
        case "ok": "partly"
        default: TrailView.results.contains(answer) ? answer : "refused"
        }
    }

    /// The entry as the API shows it.
    var json: JSONOutput {
        func given(_ name: String) -> JSONOutput? { member(name).map { .raw($0.bytes) } }
        var object = JSONObjectOutput()
        object.add("id", text: position.description)
        object.add("at", .time(time))
        for name in ["who", "client", "address", "operation", "request_id"] { object.add(name, given(name)) }
        object.add("action", text: action)
        object.add("result", text: result)
        object.add("queue", text: queueName?.description)
        for name in ["job", "reason", "also_refused", "filter"] { object.add(name, given(name)) }
        if !counts.isEmpty {
            object.add("total", number: refusedJobs + acceptedJobs)
            object.add("changed", number: counts["changed"] ?? 0)
            object.add("refused", number: refusedJobs)
        }
        if !jobs.isEmpty { object.add("jobs", .array(jobs.map(\.json))) }
        if !before.isEmpty { object.add("before", .members(before.map { ($0.name, .string($0.value)) })) }
        if !after.isEmpty { object.add("after", .members(after.map { ($0.name, .string($0.value)) })) }
        return .written(object)
    }
}

extension TrailJob {
    fileprivate var json: JSONOutput {
        let result = ["done", "asked", "missing"].contains(verdict) ? verdict : "refused"
        let changes = changes.map { change in
            JSONOutput.object([
                "name": .string(change.name), "before": change.before.map { .string($0) },
                "after": change.after.map { .string($0) },
            ])
        }
        return .object([
            "id": .string(id), "before": before.map { .string($0) }, "after": after.map { .string($0) },
            "result": .string(result), "changes": changes.isEmpty ? nil : .array(changes),
        ])
    }
}

extension JobFilter {
    /// The filter as the audit trail keeps it: without the texts that may be of payloads.
    func recorded(in queue: QueueName?) -> JSONOutput {
        let hidden = JSONOutput.string("(not kept)")
        let names = payload.map { ($0.path.joined(separator: "."), hidden) }
        return .object([
            "queue": queue.map { .string($0.description) },
            "state": states.map { .string($0.map(\.rawValue).sorted().joined(separator: ",")) },
            "type": type.map { .string($0) }, "tag": tag.map { .string($0) },
            "unique_key": uniqueKey.map { .string($0) }, "created_after": createdAfter.map { .time($0) },
            "created_before": createdBefore.map { .time($0) }, "error": errorFingerprint.map { .string($0) },
            "q": text == nil ? nil : hidden, "payload": names.isEmpty ? nil : .members(names),
        ])
    }
}
