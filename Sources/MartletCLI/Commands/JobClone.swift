// `martlet job clone` and `martlet job edit`: a job again with changes, and another payload for a job that waits.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import NIOHTTP1

extension JobCommand {
    struct Clone: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Push a job like another one, with changes.",
            discussion: "The clone has a new id, no unique key and no delay, unless options say so.")

        @OptionGroup var job: OneJob
        @Option(
            name: [.short, .long], parsing: .unconditional,
            help: ArgumentHelp("Another payload: JSON, @FILE or - for standard input.", valueName: "json"))
        var data: String?
        @Option(help: "Another queue.", transform: ValueRule.otherQueue.text)
        var toQueue: String?
        @Option(
            parsing: .unconditional, help: "Another priority, from -1000 to 1000.",
            transform: ValueRule.priority.integer)
        var priority: Int?
        @Option(help: ArgumentHelp("Delay before it may run.", valueName: "time"), transform: ValueRule.delay.time)
        var delay: TimeSpan?
        @Option(
            parsing: .unconditional, help: "Other retries after the first attempt, 0 to 100.",
            transform: ValueRule.maxRetries.integer)
        var maxRetries: Int?
        @Option(
            name: [.customLong("timeout"), .customLong("timeout-seconds")],
            help: ArgumentHelp("Another limit of one attempt.", valueName: "time"),
            transform: ValueRule.timeout.time)
        var timeout: TimeSpan?
        @Option(help: "The id of the clone.", transform: ValueRule.newID.text)
        var newID: String?
        @Option(
            help: "Idempotency key: a repeated command with the same key returns the first clone.",
            transform: ValueRule.idempotencyKey.text)
        var idempotencyKey: String?
        @Option(help: "A unique key for the clone.", transform: ValueRule.uniqueKey.text)
        var uniqueKey: String?
        @Option(name: .customLong("tag"), help: "A tag in place of those of the job; may be given several times.")
        var tags: [String] = []
        @Option(
            name: .customLong("limit"),
            help: ArgumentHelp(
                "A limit key in place of those of the job, such as host:example.com or tenant:7=2; may be given several times.",
                valueName: "key"))
        var limits: [LimitOption] = []
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            try ValueRule.tags.check(.array(tags.map(JSONValue.string)), of: "--tag")
            try ValueRule.limits.check(.array(limits.map(\.json)), of: "--limit")
        }

        func run() async throws {
            let body = JSONValue.fields([
                "payload": try EnqueueCommand.json(data, "the payload"), "queue": toQueue.map(JSONValue.string),
                "priority": priority.map(JSONValue.integer), "delay_seconds": delay?.json,
                "max_retries": maxRetries.map(JSONValue.integer), "timeout_seconds": timeout?.json,
                "id": newID.map(JSONValue.string), "unique_key": uniqueKey.map(JSONValue.string),
                "tags": tags.isEmpty ? nil : .array(tags.map(JSONValue.string)),
                "limits": limits.isEmpty ? nil : .array(limits.map(\.json)),
            ])
            let clone = try await client.withClient {
                try await $0.post(job.path + "/clone", query: job.query, body: body, key: idempotencyKey)
            }
            EnqueueCommand.noteUnconfirmed(clone)
            output.show(clone, first: JobCommand.order)
        }
    }

    struct Edit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change the payload of a job that does not run and has not completed.",
            discussion: "The job keeps its last three payloads of up to 4 KiB; progress and checkpoint are removed.")

        @OptionGroup var job: OneJob
        @Option(
            name: [.short, .long], parsing: .unconditional,
            help: ArgumentHelp("The new payload: JSON, @FILE or - for standard input.", valueName: "json"))
        var data: String
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let body = JSONValue.fields(["payload": try EnqueueCommand.json(data, "the payload")])
            let changed = try await client.withClient {
                try await $0.send(.PATCH, job.path, query: job.query, body: body).value
            }
            output.show(changed, first: JobCommand.order)
        }
    }
}
