// `martlet limit …`: the limits of a queue.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import NIOHTTP1

struct LimitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Show and change the limits of a queue: what may run, and how often it may start.",
        discussion: """
            A limit is named by a key that jobs have, such as host:example.com, or stands for each value of a class: host:*. A \
            key's own limit counts before that of its class.
            """,
        subcommands: [
            List.self, Get.self, Configure.self, Remove.self, Pause.self, Resume.self, Reset.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the limits of a queue with their usage.")

        @Argument(help: "The queue.", transform: ValueRule.queue.text)
        var name: String
        @OptionGroup var page: PageOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func validate() throws { try page.check(.limitCursor) }

        func run() async throws {
            let answer = try await client.withClient { client in
                try await client.list(
                    "/api/v1/queues/\(APIClient.escaped(name))/limits", items: "limits", query: [],
                    cursor: page.cursor, limit: page.count)
            }
            output.show(answer.items, as: LimitView.list)
            page.noteRest(answer.cursor)
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a limit or a key, with the jobs that hold it.")

        @OptionGroup var limit: LimitArguments
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            output.show(try await client.withClient { try await $0.get(limit.path) }, first: LimitView.order)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a limit; a key is then limited by its class, if that has a limit.")

        @OptionGroup var limit: LimitArguments
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            output.show(try await client.withClient { try await $0.send(.DELETE, limit.path).value })
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End the pause of a limit.")

        @OptionGroup var limit: LimitArguments
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await limit.post("resume", client, output)
        }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a limit back to its base value: end its override, its pause and its hold.")

        @OptionGroup var limit: LimitArguments
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await limit.post("reset", client, output)
        }
    }
}

/// The queue and the key of a limit.
struct LimitArguments: ParsableArguments {
    @Argument(help: "The queue.", transform: ValueRule.queue.text)
    var name: String
    @Argument(help: "The key, or CLASS:* for each value of a class.", transform: ValueRule.limitName.text)
    var key: String

    var path: String { "/api/v1/queues/\(APIClient.escaped(name))/limits/\(APIClient.escaped(key))" }

    /// Sends a verb, and shows the limit as it is then.
    func post(
        _ verb: String, body: JSONValue? = nil, _ client: ClientOptions, _ output: OutputOptions
    ) async throws {
        let answer = try await client.withClient { try await $0.post("\(path)/\(verb)", body: body) }
        output.show(answer, first: LimitView.order)
    }
}

/// The display of limits.
enum LimitView {
    static let order = [
        "key", "usage", "waiting", "open", "opens_at", "concurrency", "rate", "override", "pause", "throttled",
        "in_force",
    ]

    static let list = ItemView(
        .text("KEY", "key").shortened(to: 20, .middle), .number("USAGE", "usage"),
        .number("LIMIT") { OutputOptions.cell($0["in_force"]["concurrency"]) },
        .text("RATE") { rate($0["in_force"]["rate"]) }, .number("WAITING", "waiting"),
        .text("STATE", state), .text("OVERRIDE") { $0["override"].isNull ? "" : "yes" }.optional(1),
        .text("OPENS", "opens_at").optional(2))

    /// `100 in 1m 0s, burst 5`.
    static func rate(_ rate: JSONValue) -> String {
        guard let count = rate["count"].int, let per = rate["per_seconds"].double else { return "" }
        let burst = rate["burst"].int ?? 1
        return "\(count) in \(HumanReadable.seconds(per))" + (burst > 1 ? ", burst \(burst)" : "")
    }

    /// `paused`, `throttled`, `open`, `closed`, and nothing for a class.
    private static func state(_ limit: JSONValue) -> String {
        if limit["in_force"]["paused"].bool == true { return "paused" }
        if !limit["throttled"].isNull { return "throttled" }
        return limit["open"].bool.map { $0 ? "open" : "closed" } ?? ""
    }
}
