// `martlet errors …`: groups of errors, and verbs on the jobs of one.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import MartletQueue

struct ErrorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "errors", abstract: "Show groups of errors, and act on the jobs of one.",
        discussion: """
            A group is the failed attempts of one queue and type whose errors differ only in numbers, ids and quoted texts. \
            Groups are kept for a week.
            """,
        subcommands: [List.self, Retry.self, Delete.self], defaultSubcommand: List.self)

    /// The columns of a list of groups.
    static let view = ItemView(
        .text("FINGERPRINT", "fingerprint"), .text("QUEUE", "queue").shortened(to: 8).optional(2),
        .text("TYPE", "type").shortened(to: 12, .middle), .number("1 h", "1h"), .number("3 h", "3h").optional(4),
        .number("24 h", "24h"), .number("3 d", "3d").optional(5), .number("7 d", "7d").optional(3),
        .text("LAST SEEN", "last_seen_at").optional(1), .text("MESSAGE", "message").shortened(to: 20))

    /// A group with its counts beside its other fields, as a row shows them.
    static func row(_ group: JSONValue) -> JSONValue {
        ErrorGroup.Window.allCases.reduce(group) { $0.adding($1.rawValue, group["counts"][$1.rawValue]) }
    }
}

extension ErrorsCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List groups of errors, the one that was seen last first.")

        @Option(help: "Only errors of this queue.", transform: ValueRule.queue.text)
        var queue: String?
        @Option(help: "Only errors of jobs of this type.")
        var type: String?
        @OptionGroup var page: PageOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func validate() throws { try page.check(.errorCursor) }

        func run() async throws {
            let answer = try await client.withClient { client in
                try await client.list(
                    "/api/v1/errors", items: "errors", query: [("queue", queue), ("type", type)], cursor: page.cursor,
                    limit: page.count)
            }
            let items = output.format == .table ? answer.items.map(ErrorsCommand.row) : answer.items
            output.show(items, as: ErrorsCommand.view)
            page.noteRest(answer.cursor)
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run the failed jobs of a group again.")

        @OptionGroup var group: ErrorGroupJobs

        func run() async throws { try await group.act(MatchingVerb("retry")) }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete the failed jobs of a group.")

        @OptionGroup var group: ErrorGroupJobs

        func run() async throws { try await group.act(MatchingVerb("delete")) }
    }
}

/// The failed jobs of a group of errors.
struct ErrorGroupJobs: ParsableArguments {
    @Argument(help: "The fingerprint of the errors.", transform: ValueRule.errorFingerprint.text)
    var fingerprint: String
    @Option(help: "Only jobs of this queue.", transform: ValueRule.queue.text)
    var queue: String?
    @Option(help: "Only jobs of this type.")
    var type: String?
    @Flag(help: "Only count the jobs, and show the first of them.")
    var dryRun = false
    @Option(help: "Change nothing unless the group has this many jobs.", transform: ValueRule.expectedCount.integer)
    var expectedCount: Int?
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    /// Applies a verb to them, in steps.
    func act(_ verb: MatchingVerb) async throws {
        let filter = JSONValue.fields([
            "queue": queue.map { .string($0) }, "type": type.map { .string($0) }, "state": "failed",
            "error": .string(fingerprint),
        ])
        let run = MatchingRun(
            verb: verb, filter: filter, isDryRun: dryRun, expectedCount: expectedCount,
            consent: consent, output: output)
        try await client.withClient { try await run.run($0) }
    }
}
