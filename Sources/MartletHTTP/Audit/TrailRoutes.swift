// GET /api/v1/audit: what operators did, newest first.

import FoundationEssentials
import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

/// The query parameters of `GET /api/v1/audit`.
enum TrailParameter {
    static let who = Parameter.text("who", "Only entries of this token.")
    static let action = Parameter.text(
        "action", "Only this verb, such as `cancel`, or this operation, such as `pauseQueue`.")
    static let queue = Parameter<QueueName>(
        "queue", .queueName, "Only entries about this queue, also for 30 days after it was deleted."
    ) { query throws(HTTPProblem) in try query.read(CommonParameter.queue) }
    static let job = Parameter<String>(
        "job", .jobID, "Only entries that name this job; an action on many jobs names the first 50 of each step."
    ) { query throws(HTTPProblem) in
        guard let text = query["job"], !text.isEmpty else { return nil }
        guard let id = JobID(text) else { throw .invalid("?job", JobID.rule) }
        return id.description
    }
    static let from = Parameter.time("from", "Only entries of this time or later.")
    static let to = Parameter.time("to", "Only entries before this time.")

    static let all: [any Described] = [
        who, action, queue, job, from, to, CommonParameter.limit, CommonParameter.cursor,
    ]
}

extension RouteDescription {
    static var audit: RouteDescription {
        RouteDescription(
            "listAudit", .system, "See what operators did",
            """
            The audit trail, newest entries first: who did what, when, on what, with what result. A call looks at a limited \
            number of entries, so a page with filters may have fewer entries than `limit`, or none, and still a \
            `next_cursor`. With `Accept: application/x-ndjson` the answer is all that matches, one entry a line.
            """,
            answers: [
                RouteAnswer(
                    status: 200, about: "The entries.",
                    content: .jsonOrLines(.object(TrailView.page), line: .object(TrailView.entry)))
            ], problems: [.tooManyStreams, .streamsFull] + ProblemCode.redis,
            examples: [
                RouteExample("audit", "The newest entries"),
                RouteExample("cancelled", "Who cancelled jobs of a queue", query: "queue=mail&action=cancel"),
            ])
    }
}

/// Which entries a caller asks for and may see.
struct TrailFilter: Sendable {
    var queues: QueueGlob
    var who: String?
    var action: String?
    var queue: QueueName?
    var job: String?

    /// Whether the caller sees an entry: of its queues, and only with access to all of them what names none.
    func matches(_ entry: TrailEntry) -> Bool {
        let name = entry.queueName
        guard name.map(queues.matches) ?? queues.isEverything else { return false }
        return (queue.map { $0 == name } ?? true) && (who.map { $0 == entry.text("who") } ?? true)
            && (action.map { $0 == entry.action || $0 == entry.text("operation") } ?? true)
            && (job.map { id in entry.jobs.contains { $0.id == id } || entry.text("job") == id } ?? true)
    }
}

extension API {
    /// A page of the audit trail, or all of it as lines.
    func listAudit(_ call: Call) async throws -> Reply {
        let query = call.query
        let limit = try query.read(CommonParameter.limit) ?? 50
        let (from, to) = (try query.read(TrailParameter.from), try query.read(TrailParameter.to))
        let position = try query.cursor(TrailPosition.self)
        let only = try query.read(TrailParameter.queue)
        if let only { _ = try call.queue(only) }
        let filter = TrailFilter(
            queues: call.caller.queues, who: try query.read(TrailParameter.who),
            action: try query.read(TrailParameter.action), queue: only, job: try query.read(TrailParameter.job))
        let names = if let only { [only] } else { try await call.visibleQueues() }
        let reader = TrailReader(store, queues: names, after: position, from: from, to: to)
        guard call.headers.value(of: .accept)?.contains(TrailLines.type) ?? false else {
            return try await page { try await auditPage(reader, filter, limit) }
        }
        guard !call.isHead else { return Reply(streaming: nil, type: TrailLines.type) }
        return Reply(
            streaming: TrailLines(reader, filter, permit: try StreamPermit(streams, call.caller)), type: TrailLines.type
        )
    }

    private func auditPage(_ reader: TrailReader, _ filter: TrailFilter, _ limit: Int) async throws -> Reply {
        var reader = reader
        var (entries, examined): ([JSONOutput], Int) = ([], 0)
        var last: TrailPosition?
        let deadline = ContinuousClock.now + settings.searchTime
        while entries.count < limit, examined < settings.searchLimit, examined == 0 || .now < deadline {
            guard let entry = try await reader.next() else {
                last = nil
                break
            }
            (examined, last) = (examined + 1, entry.position)
            if filter.matches(entry) { entries.append(entry.json) }
        }
        return Reply(
            .object([
                "entries": .array(entries), "examined": .int(examined),
                "next_cursor": .cursor(last),
            ]))
    }
}
