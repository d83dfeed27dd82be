// `martlet queue …` and the commands for all queues: `pause`, `resume`, `stats`, `worker list`.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import NIOHTTP1

struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Show, pause, configure, drain and delete queues.",
        subcommands: [
            List.self, Get.self, Explain.self, History.self, Pause.self, Resume.self, Configure.self, Drain.self,
            Delete.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all queues.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let answer = try await client.withClient { try await $0.get("/api/v1/queues") }
            output.show(answer["queues"].array ?? answer.array ?? [], as: QueueView.list)
            QueueView.noteDamaged(answer)
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one queue.")

        @Argument(help: "The queue.", transform: ValueRule.queue.text)
        var name: String
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let answer = try await client.withClient { try await $0.get("/api/v1/queues/\(APIClient.escaped(name))") }
            output.show(answer, first: QueueView.order)
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pause a queue: running jobs continue, no other job starts.")

        @Argument(help: "The queue.", transform: ValueRule.queue.text)
        var name: String
        @Option(help: "The reason, shown to others.", transform: ValueRule.pauseReason.text)
        var reason: String?
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let body = reason.map { JSONValue.object(["reason": .string($0)]) }
            let path = "/api/v1/queues/\(APIClient.escaped(name))/pause"
            output.show(try await client.withClient { try await $0.post(path, body: body) }, first: QueueView.order)
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Resume a queue.")

        @Argument(help: "The queue.", transform: ValueRule.queue.text)
        var name: String
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let path = "/api/v1/queues/\(APIClient.escaped(name))/resume"
            output.show(try await client.withClient { try await $0.post(path) }, first: QueueView.order)
        }
    }
}

/// The display of queues.
enum QueueView {
    static let order = ["name", "paused", "pause", "pause_all", "jobs", "total_jobs", "settings"]

    /// Names the queues that are not shown because they cannot be read.
    static func noteDamaged(_ answer: JSONValue, console: Console = .standard) {
        for queue in answer["damaged"].array ?? [] {
            let (name, detail) = (queue["name"].string ?? "?", queue["detail"].string ?? "")
            console.note("The queue \(name) cannot be read: \(detail).")
        }
    }

    static let list = ItemView(
        .text("QUEUE", "name").shortened(to: 12, .middle),
        .text("STATE") { $0["paused"].bool == true ? "paused" : "running" }, count("ACTIVE", "active"),
        count("QUEUED", "queued"), count("BLOCKED", "blocked").optional(7), count("DELAYED", "delayed").optional(2),
        count("PAUSED", "paused").optional(4),
        count("COMPLETED", "completed").optional(3), count("FAILED", "failed"),
        count("CANCELLED", "cancelled").optional(6),
        .number("LIMIT") { OutputOptions.cell($0["settings"]["concurrency"]) }.optional(5),
        .number("WAIT", "oldest_wait_seconds", HumanReadable.seconds).optional(1))

    /// A column with the number of jobs in one index.
    private static func count(_ title: String, _ index: String) -> ItemView.Field {
        .number(title) { OutputOptions.cell($0["jobs"][index]) }
    }
}

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pause all queues: running jobs continue, no other job starts.")

    @Option(help: "The reason, shown to others.", transform: ValueRule.pauseReason.text)
    var reason: String?
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let body = reason.map { JSONValue.object(["reason": .string($0)]) }
        output.show(try await client.withClient { try await $0.post("/api/v1/pause", body: body) })
    }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Resume all queues; a queue with its own pause stays paused.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.show(try await client.withClient { try await $0.post("/api/v1/resume") })
    }
}

struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "stats", abstract: "Show the totals of all queues.")

    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        output.show(try await client.withClient { try await $0.get("/api/v1/stats") })
    }
}

struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Show worker processes.", subcommands: [List.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List worker processes.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let answer = try await client.withClient { try await $0.get("/api/v1/workers") }
            output.show(answer["workers"].array ?? [], as: WorkerView.list)
        }
    }
}

/// The display of worker processes: the information that each reported to its queues, merged.
enum WorkerView {
    static let list = ItemView(
        .text("ID", "id").shortened(to: 16, .middle), info("HOST", "host").shortened(to: 8).optional(5),
        info("PID", "pid").optional(3), .text("VERSION", version).optional(6), .text("STATE", state),
        .text("QUEUES") { worker in
            queues(worker).map { "\($0["queue"].string ?? "")=\(OutputOptions.cell($0["info"]["slots"]))" }
                .joined(separator: ",")
        }.shortened(to: 16),
        .number("BUSY") { worker in
            String(queues(worker).reduce(0) { $0 &+ max(0, $1["info"]["busy"].int ?? 0) })
        }.optional(1), .number("LAST SEEN", "last_seen_seconds", HumanReadable.seconds).optional(2))

    /// The reported state of a process, or `unresponsive` without a recent heartbeat.
    static func state(_ worker: JSONValue) -> String {
        let state = queues(worker).first?["info"]["state"].string ?? "unknown"
        return state == "stopped" || worker["alive"].bool == true ? state : "unresponsive"
    }

    /// The reported version, behind the language of a worker over HTTP.
    private static func version(_ worker: JSONValue) -> String {
        let info = queues(worker).first?["info"] ?? .null
        return [info["language"].string, info["version"].string].compactMap(\.self).joined(separator: " ")
    }

    /// Whether a process claims jobs.
    static func isServing(_ worker: JSONValue) -> Bool { state(worker) == "running" }

    private static func queues(_ worker: JSONValue) -> [JSONValue] { worker["queues"].array ?? [] }

    /// A column with information that a process reports to all its queues alike.
    private static func info(_ title: String, _ name: String) -> ItemView.Field {
        .text(title) { OutputOptions.cell(queues($0).first?["info"][name] ?? .null) }
    }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Show the version.")

    @OptionGroup var output: OutputOptions

    func run() {
        if output.format == .table { return Console.standard.out("martlet \(Version.current)") }
        output.show(.object(["version": .string(Version.current)]))
    }
}
