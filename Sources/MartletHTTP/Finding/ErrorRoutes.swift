// GET /api/v1/errors: groups of errors, over queues in the order in which they were last seen.

import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    /// A page of groups of errors: of one queue, or of all visible queues.
    func listErrors(_ call: Call) async throws -> Reply {
        let limit = try call.query.read(CommonParameter.limit) ?? 50
        let type = try call.query.read(ErrorParameter.type)
        let cursor = try call.query.cursor(ErrorCursor.self)
        let only = try call.queueInQuery()
        let names = if let only { [only.name] } else { try await call.visibleQueues() }
        let (found, damaged) = try await call.readEach(names) { queue throws(QueueError) in
            // Groups of other types are left out below, so that all of them are needed.
            try await queue.errorGroups(after: cursor?.place(in: queue.name), limit: type == nil ? limit + 1 : .max)
        }
        if only != nil, let error = damaged.firstError { throw error }
        let groups = found.values.joined().filter { type == nil || $0.type == type }
            .sorted { ErrorCursor($0) < ErrorCursor($1) }
        let page = groups.prefix(limit)
        let next = groups.count > limit ? page.last.map { ErrorCursor($0) } : nil
        let counts = try call.query.read(ErrorParameter.failed) ?? false
        let failed = try await counts ? failedJobs(call, Set(page.map(\.queue)).sorted()) : [:]
        return Reply(
            .object([
                "errors": .array(page.map { .errorGroup($0, failed: failed[$0.queue]) }),
                "next_cursor": .cursor(next),
            ]).adding(damaged.members(for: call.caller)))
    }

    /// The failed jobs of queues by the names of their groups, as far as the budget of one call goes.
    private func failedJobs(_ call: Call, _ names: [QueueName]) async throws -> [QueueName: FailedJobs] {
        var budget = ScanBudget(records: settings.searchLimit, time: settings.searchTime)
        var found: [QueueName: FailedJobs] = [:]
        for name in names { found[name] = try await call.store.queue(name).failedJobs(&budget) }
        return found
    }
}

/// The numbers of failed jobs by the names of their groups, and whether all were looked at.
private typealias FailedJobs = (counts: [String: Int], isAll: Bool)

/// The parameters of the list of errors.
enum ErrorParameter {
    static let queue = Parameter<QueueName>(
        "queue", .queueName, "Only errors of this queue."
    ) { query throws(HTTPProblem) in try query.read(CommonParameter.queue) }
    static let type = Parameter.text("type", "Only errors of jobs of this type.")
    static let failed = Parameter.flag(
        "failed", "Whether the jobs of each group that have failed now are counted.", default: false)
    static let all: [any Described] = [queue, type, failed, CommonParameter.limit, CommonParameter.cursor]
}

/// A place among the groups of several queues: the latest first, then by queue, then as their index has them.
struct ErrorCursor: Comparable, LosslessStringConvertible {
    private let lastSeen: Double
    private let queue: QueueName
    private let last: ErrorGroupPlace

    init(_ group: ErrorGroup) {
        last = ErrorGroupPlace(group)
        lastSeen = Double(last.lastSeen) ?? 0
        queue = group.queue
    }

    /// Parses ``description``; `nil` for any other text.
    init?(_ description: String) {
        let parts = description.split(separator: "~", omittingEmptySubsequences: false)
        guard parts.count == 3, let queue = QueueName(String(parts[0])), let ms = Int(parts[1]), ms >= 0,
            "\(ms)" == parts[1], let name = Hex.bytes(parts[2]), (1...200).contains(name.count)
        else { return nil }
        self.queue = queue
        lastSeen = Double(ms)
        last = ErrorGroupPlace(lastSeen: String(parts[1]), name: String(decoding: name, as: UTF8.self))
    }

    var description: String { "\(queue)~\(last.lastSeen)~\(Hex.text(of: last.name.utf8))" }

    /// The place behind which another queue goes on: queues that stand before it have had their groups of this moment.
    func place(in name: QueueName) -> ErrorGroupPlace {
        if name == queue { return last }
        // An index goes backwards; every name of a group begins with a digit or a letter to f.
        return ErrorGroupPlace(lastSeen: last.lastSeen, name: name < queue ? " " : "~")
    }

    static func < (left: ErrorCursor, right: ErrorCursor) -> Bool {
        if left.lastSeen != right.lastSeen { return left.lastSeen > right.lastSeen }
        if left.queue != right.queue { return left.queue < right.queue }
        return !left.last.name.utf8.lexicographicallyPrecedes(right.last.name.utf8) && left != right
    }
}

extension JSONOutput {
    fileprivate static func errorGroup(_ group: ErrorGroup, failed: FailedJobs?) -> JSONOutput {
        .object([
            "fingerprint": .string(group.fingerprint), "queue": .string(group.queue.description),
            "type": .string(group.type), "message": .string(group.message), "last_job": .string(group.lastJob),
            "first_seen_at": .time(group.firstSeen), "last_seen_at": .time(group.lastSeen),
            "total": .int(group.total),
            "counts": .members(ErrorGroup.Window.allCases.map { ($0.rawValue, .int(group.counts[$0] ?? 0)) }),
            "failed": failed.map { found -> JSONOutput in
                .object(["count": .int(found.counts[group.name] ?? 0), "complete": .bool(found.isAll)])
            },
        ])
    }
}

// MARK: - Description

/// The description of groups of errors in responses.
enum ErrorView {
    static let list = ObjectShape(
        "ErrorList", "A page of groups of errors.",
        [
            .always("errors", .list(.object(group)), "The groups, the one that was seen last first."),
            .always("next_cursor", .nullable(.text), "The `cursor` of the next page; `null` on the last one."),
            DamagedQueues.property,
        ])

    private static let group = ObjectShape(
        "ErrorGroup", "Attempts of jobs of one type that failed with errors of one fingerprint.",
        [
            .always("fingerprint", .text, "The `error` of a filter that finds its jobs."),
            .always("queue", .text, "The queue."), .always("type", .text, "The type of the jobs."),
            .always("message", .text, "The first 512 bytes of the last error."),
            .always("last_job", .text, "The job that failed last."),
            .always("first_seen_at", .time, "When it was first seen."),
            .always("last_seen_at", .time, "When it was last seen."),
            .always("total", .count, "How many attempts failed since it was first seen."),
            .always("counts", .object(counts), "How many of them failed lately."),
            .maybe("failed", .object(failed), "With `failed=true`: its jobs that have failed now."),
        ])
    private static let failed = ObjectShape(
        "FailedNow", "The jobs of a group that have failed and were not retried or deleted since.",
        [
            .always("count", .count, "How many were found."),
            .always(
                "complete", .flag,
                "Whether all failed jobs of the queue were looked at; otherwise there may be more."),
        ])
    private static let counts = ObjectShape(
        "ErrorCounts",
        "Failed attempts; a count includes the 5 minutes, from `24h` on the hour, in which its span begins.",
        ErrorGroup.Window.allCases.map { .always($0.rawValue, .count, "Of the last \($0.rawValue).") })
}

extension RouteDescription {
    static var listErrors: RouteDescription {
        RouteDescription(
            "listErrors", .jobs, "List groups of errors",
            """
            Attempts that failed in the last week, grouped by queue, type and fingerprint of the error; at most 200 groups of \
            each queue. With `failed=true` the failed jobs of the groups' queues are looked at, about 20 000 of them or for \
            about 50 ms, and counted by group. The jobs of a group that have failed are retried or deleted with `POST /api/v1/jobs/actions` and a \
            `filter` with `queue`, `type`, `error` and `state`.
            """,
            answers: [.ok(.object(ErrorView.list), "A page.")], problems: [.pagesFull],
            examples: [
                RouteExample("all", "Of all queues"),
                RouteExample("queue", "Of one queue", query: "queue=mail&limit=10"),
                RouteExample("failed", "With the number of jobs that have failed now", query: "failed=true"),
            ])
    }
}
