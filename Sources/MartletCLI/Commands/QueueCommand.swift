// `martlet queue …` and what concerns all queues: `pause`, `resume`, `stats`, `worker list`.

import ArgumentParser
import NIOHTTP1

struct QueueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Look at queues, pause them and set their limits.",
        subcommands: [List.self, Get.self, Pause.self, Resume.self, Configure.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all queues.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let answer = try await client.withClient { try await $0.get("/api/v1/queues") }
            output.show(answer["queues"].array ?? answer.array ?? [], as: QueueView.list)
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one queue.")

        @Argument(help: "The queue.")
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
            abstract: "Pause a queue: running jobs go on, no other starts.")

        @Argument(help: "The queue.")
        var name: String
        @Option(help: "Why; shown to others.")
        var reason: String?
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let body = reason.map { JSON.object(["reason": .string($0)]) }
            let path = "/api/v1/queues/\(APIClient.escaped(name))/pause"
            output.show(try await client.withClient { try await $0.post(path, body: body) }, first: QueueView.order)
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Resume a queue.")

        @Argument(help: "The queue.")
        var name: String
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let path = "/api/v1/queues/\(APIClient.escaped(name))/resume"
            output.show(try await client.withClient { try await $0.post(path) }, first: QueueView.order)
        }
    }
}

/// How queues are shown.
enum QueueView {
    static let order = ["name", "queue", "paused", "settings", "counts"]

    static let list = ItemView(
        .text("QUEUE", "name", "queue"), .text("PAUSED", "paused"), count("QUEUED", "queued"),
        count("SCHEDULED", "scheduled"), count("RETRYING", "retrying"), count("ACTIVE", "active"),
        count("HELD", "paused"), count("COMPLETED", "completed"), count("FAILED", "failed"),
        count("CANCELLED", "cancelled"))

    /// A column of the counts that a queue has by state.
    private static func count(_ title: String, _ state: String) -> ItemView.Field {
        ItemView.Field(column: .init(title: title, isNumber: true)) { item in
            OutputOptions.cell(item["counts"][state])
        }
    }
}

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pause all queues: running jobs go on, no other starts.")

    @Option(help: "Why; shown to others.")
    var reason: String?
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let body = reason.map { JSON.object(["reason": .string($0)]) }
        output.show(try await client.withClient { try await $0.post("/api/v1/pause", body: body) })
    }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Resume all queues; a queue that was paused by itself stays so.")

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
        commandName: "worker", abstract: "Look at worker processes.", subcommands: [List.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List worker processes.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let answer = try await client.withClient { try await $0.get("/api/v1/workers") }
            output.show(
                answer["workers"].array ?? answer.array ?? [],
                as: ItemView(
                    .text("ID", "id"), .text("HOST", "host"), .text("PID", "pid"), .text("VERSION", "version"),
                    .text("QUEUES", "queues", "queue"), .number("SLOTS", "slots"), .number("BUSY", "busy"),
                    .text("LAST BEAT", "last_beat", "last_beat_at")))
        }
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
