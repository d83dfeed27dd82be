// `martlet audit-log`: what operators did, as the server recorded it.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON

struct AuditLogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit-log", abstract: "Show what operators did: who, when, on what, with what result.",
        discussion: """
            The newest entries first; with -f new ones as they come, until Ctrl-C. "--all -o jsonl" exports everything. \
            It needs the role operate. "martlet audit" is something else: it checks the data in Redis.
            """)

    @Option(help: ArgumentHelp("Only entries of this token.", valueName: "name"))
    var who: String?
    @Option(
        help: ArgumentHelp("Only this verb, such as cancel, or this operation, such as pauseQueue.", valueName: "name"))
    var action: String?
    @Option(help: "Only entries about this queue.", transform: ValueRule.queue.text)
    var queue: String?
    @Option(help: ArgumentHelp("Only entries that name this job.", valueName: "id"), transform: ValueRule.jobID.text)
    var job: String?
    @Option(
        help: ArgumentHelp(
            "Only entries of this time or later: RFC 3339, or how long ago, such as 2h.", valueName: "time"))
    var from: PastMoment?
    @Option(
        help: ArgumentHelp("Only entries before this time: RFC 3339, or how long ago, such as 2h.", valueName: "time"))
    var to: PastMoment?
    @Flag(name: [.customShort("f"), .long], help: "Print new entries until Ctrl-C.")
    var follow = false
    @OptionGroup var page: PageOptions
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        try page.check(.auditCursor)
        guard follow else { return }
        if output.format == .json { throw ValidationError("With -f entries cannot be one JSON value; use -o jsonl.") }
        if page.all || page.cursor != nil || to != nil {
            throw ValidationError("-f cannot be combined with --all, --cursor and --to.")
        }
    }

    func run() async throws {
        guard follow else { return try await list() }
        _ = try await ProgramRun.untilInterrupted { try await client.withClient { try await self.follow($0) } }
    }

    private func list() async throws {
        let answer = try await client.withClient { client in
            try await client.list(
                Self.path, items: "entries", query: query(from: from?.text), cursor: page.cursor, limit: page.count)
        }
        output.show(answer.items, as: Self.view)
        page.noteRest(answer.cursor)
    }

    /// Shows the last entries, and then asks once a second for those that have come.
    private func follow(_ client: APIClient) async throws {
        var (start, shown): (String?, Set<String>) = (from?.text, [])
        var limit = page.limit
        while true {
            let found = try await client.list(
                Self.path, items: "entries", query: query(from: start), cursor: nil, limit: limit)
            let new = found.items.reversed().filter { !shown.contains($0["id"].string ?? "") }
            if !new.isEmpty { show(new) }
            if let newest = found.items.first?["at"].string {
                // Several entries may have one time.
                shown = Set(found.items.filter { $0["at"].string == newest }.compactMap { $0["id"].string })
                (start, limit) = (newest, .max)
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func show(_ entries: [JSONValue]) {
        guard output.format == .table else { return output.show(entries, as: Self.view) }
        for entry in entries {
            Console.standard.out(Self.view.row(entry).joined(separator: "  ").withoutTrailingSpaces)
        }
    }

    private static let path = "/api/v1/audit"

    private func query(from start: String?) -> [(String, String?)] {
        [("who", who), ("action", action), ("queue", queue), ("job", job), ("from", start), ("to", to?.text)]
    }

    private static let view = ItemView(
        .text("TIME", "at"), .text("WHO", "who").shortened(to: 8), .text("CLIENT", "client").optional(2),
        .text("OPERATION", "operation").optional(1), .text("ACTION", "action"),
        .text("QUEUE", "queue").shortened(to: 8),
        .text("RESULT", "result"), .text("WHAT", what).shortened(to: 20))

    /// What an entry says of jobs and values, in a few words.
    static func what(_ entry: JSONValue) -> String {
        let jobs = entry["jobs"].array ?? []
        var parts = jobs.prefix(2).map(Self.job)
        let total = entry["total"].int ?? jobs.count
        if total > 2 { parts.append("\(total) jobs, \(entry["changed"].int ?? 0) changed") }
        let (before, after) = (entry["before"], entry["after"])
        for name in (after.object?.names ?? []) + (before.object?.names ?? []).filter({ after[$0].isNull }) {
            parts.append("\(name) \(change(before[name], after[name]))")
        }
        if let job = entry["job"].string { parts.append(job) }
        if let reason = entry["reason"].string { parts.append(reason) }
        return parts.joined(separator: "; ")
    }

    private static func job(_ job: JSONValue) -> String {
        let values = (job["changes"].array ?? []).map { value in
            "\(value["name"].string ?? "") \(change(value["before"], value["after"]))"
        }
        let id = job["id"].string ?? ""
        return ([id + (job["before"].isNull ? "" : " " + change(job["before"], job["after"]))] + values)
            .joined(separator: ", ")
    }

    private static func change(_ before: JSONValue, _ after: JSONValue) -> String {
        func word(_ value: JSONValue) -> String { value.string.flatMap { $0.isEmpty ? nil : $0 } ?? "-" }
        return before == after ? word(after) : "\(word(before)) -> \(word(after))"
    }
}
