// `martlet download …`: adds, lists and controls downloads.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON

struct DownloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Add, show and control downloads.",
        subcommands: [
            Add.self, List.self, Status.self, Pause.self, Resume.self, Cancel.self, Retry.self, Reprioritise.self,
        ])

    /// The columns of a list of downloads.
    static let view = ItemView(
        .text("ID", "id"), .text("STATUS", "status"), .number("PRIORITY", "priority").optional(5),
        .number("DONE", "progress_percent", HumanReadable.percent).optional(1),
        .number("SIZE", "total_bytes", HumanReadable.bytes).optional(3),
        .number("SPEED", "speed_bytes_per_second") { HumanReadable.bytes($0) + "/s" }.optional(4),
        .number("ETA", "eta_seconds", HumanReadable.seconds).optional(6), .number("ATTEMPT", "attempt").optional(7),
        .text("FILE", "filename").shortened(to: 14, .middle), .text("ERROR", "error").shortened(to: 16).optional(2))

    /// The order of the fields of one download.
    static let order = [
        "id", "track_id", "url", "filename", "status", "priority", "progress_percent", "bytes_downloaded",
        "total_bytes", "speed_bytes_per_second", "eta_seconds", "attempt", "max_retries", "timeout_seconds", "retry_at",
        "checksum", "error", "created_at", "started_at", "completed_at", "updated_at",
    ]
}

extension DownloadCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List downloads: running ones, then in the order in which they will run, then the rest.")

        @Option(
            help: "Only downloads in this state: pending, queued, downloading, paused, completed, failed or cancelled.",
            transform: ValueRule.downloadStatus.text)
        var status: String?
        @OptionGroup var page: PageOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func validate() throws { try page.check(.downloadCursor) }

        func run() async throws {
            let answer = try await client.withClient { client in
                try await client.list(
                    "/api/downloads", items: "downloads", query: [("status", status)], cursor: page.cursor,
                    limit: page.count)
            }
            output.show(answer.items, as: DownloadCommand.view)
            page.noteRest(answer.cursor)
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one download, or the counts of all of them.")

        @Argument(help: "The download; without it the counts.", transform: ValueRule.jobID.text)
        var id: String?
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let path = id.map { "/api/downloads/\(APIClient.escaped($0))" } ?? "/api/downloads/status"
            let value = try await client.withClient { client in try await client.get(path) }
            let order = ["paused", "max_concurrent_downloads", "active_downloads", "queued_downloads"]
            output.show(value, first: id == nil ? order : DownloadCommand.order)
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pause downloads; --all pauses the queue: running ones continue, no other starts.")

        @OptionGroup var target: DownloadTarget
        func validate() throws { try target.check() }
        func run() async throws { try await target.act("pause") }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Resume paused downloads at their old position; --all resumes the queue.")

        @OptionGroup var target: DownloadTarget
        func validate() throws { try target.check() }
        func run() async throws { try await target.act("resume") }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Cancel downloads.")

        @OptionGroup var batch: DownloadBatch
        @OptionGroup var consent: ConsentOptions

        func run() async throws {
            try consent.ask("Cancel", batch.ids.count, "downloads")
            try await batch.act("cancel")
        }
    }

    struct Reprioritise: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "priority", abstract: "Change the priority of downloads; a larger number runs first.")

        @Option(parsing: .unconditional, help: "From -1000 to 1000.", transform: ValueRule.priority.integer)
        var to: Int
        @OptionGroup var batch: DownloadBatch
        func run() async throws { try await batch.act("priority", priority: to) }
    }
}

/// Downloads by id.
struct DownloadBatch: ParsableArguments {
    @Argument(help: "Ids of downloads.", transform: ValueRule.jobID.text)
    var ids: [String]
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    /// Applies `action` to each of them.
    func act(_ action: String, priority: Int? = nil) async throws {
        try await DownloadAction(action: action, ids: ids, priority: priority).run(client, output)
    }
}

/// Downloads by id, or the whole queue.
struct DownloadTarget: ParsableArguments {
    @Argument(help: "Ids of downloads.", transform: ValueRule.jobID.text)
    var ids: [String] = []
    @Flag(help: "The whole queue of downloads instead of single ones.")
    var all = false
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    /// Throws when neither or both are given.
    func check() throws {
        guard all == ids.isEmpty else { throw ValidationError("Name downloads by their ids, or all with --all.") }
    }

    /// Applies `action` to each of them, or to the queue.
    func act(_ action: String) async throws {
        guard all else { return try await DownloadAction(action: action, ids: ids).run(client, output) }
        let answer = try await client.withClient { try await $0.post("/api/downloads/\(action)") }
        output.show(answer, first: ["status", "message"])
    }
}

/// One action on one or many downloads.
struct DownloadAction {
    var action: String
    var ids: [String]
    var priority: Int?

    /// A single download has its own route with a specific error; many are one request.
    func run(_ options: ClientOptions, _ output: OutputOptions) async throws {
        if ids.count == 1 {
            let path = "/api/downloads/\(APIClient.escaped(ids[0]))/\(action)"
            let body = priority.map { JSONValue.object(["priority": .integer($0)]) }
            let answer = try await options.withClient { try await $0.post(path, body: body) }
            return output.show(answer, first: ["download_id", "status", "message"])
        }
        let body = JSONValue.fields([
            "download_ids": .array(ids.map(JSONValue.string)), "action": .string(action),
            "priority": priority.map(JSONValue.integer),
        ])
        let answer = try await options.withClient { try await $0.post("/api/downloads/batch-action", body: body) }
        let items = (answer["results"].array ?? []) + (answer["errors"].array ?? [])
        output.show(
            items,
            as: ItemView(
                .text("ID", "id"), .text("STATUS", "status"), .text("ERROR", "error").shortened(to: 20)))
        try Tally(done: answer["successful"].int ?? 0, failed: answer["failed"].int ?? 0).check()
    }
}
