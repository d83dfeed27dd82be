// `martlet queue set`: limits, ageing, durability and retention of a queue.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import NIOHTTP1

extension QueueCommand {
    struct Configure: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Change settings of a queue; other settings keep their values.",
            discussion: "Times are seconds or have a unit: 90, 5m, 1h30m, 7d.")

        @Argument(help: "The queue.", transform: ValueRule.queue.text)
        var name: String
        @Option(
            parsing: .unconditional,
            help: "Most jobs that run at one time over all workers; 0 is unlimited.",
            transform: ValueRule.concurrency.integer)
        var concurrency: Int?
        @Option(
            help: ArgumentHelp("How long a worker holds a job without a heartbeat, 5s to 15m.", valueName: "time"),
            transform: ValueRule.lease.time)
        var lease: TimeSpan?
        @Option(
            help: ArgumentHelp(
                "The waiting time that one level of priority is worth; 0 makes priorities strict.", valueName: "time"),
            transform: ValueRule.ageing.time)
        var ageing: TimeSpan?
        @Option(
            help: "What a push waits for at least: memory, fsync or replicated.",
            transform: ValueRule.durability.text)
        var durability: String?
        @OptionGroup var retention: RetentionOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            let isNamed = concurrency != nil || lease != nil || ageing != nil || durability != nil
            guard isNamed || !retention.isEmpty else { throw ValidationError("Name a setting to change.") }
        }

        func run() async throws {
            let path = "/api/v1/queues/\(APIClient.escaped(name))"
            let answer = try await client.withClient { client in
                // The server resets an omitted half to its default.
                let known = retention.hasHalves ? try? await client.get(path)["settings"]["retention"] : nil
                let body = JSONValue.fields([
                    "concurrency": concurrency.map(JSONValue.integer), "lease_seconds": lease?.json,
                    "ageing_seconds": ageing?.json, "durability": durability.map(JSONValue.string),
                    "retention": retention.json(known ?? .null),
                ])
                return try await client.send(.PUT, path, body: body).value
            }
            output.show(answer, first: QueueView.order)
        }
    }
}

/// How long and how many finished jobs are kept.
struct RetentionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("How long completed jobs are kept, 0 to 365d.", valueName: "time"),
        transform: ValueRule.retentionAge.time)
    var completedAge: TimeSpan?
    @Option(
        parsing: .unconditional, help: "How many completed jobs are kept.", transform: ValueRule.retentionCount.integer)
    var completedCount: Int?
    @Option(
        help: ArgumentHelp("How long failed jobs are kept, 0 to 365d.", valueName: "time"),
        transform: ValueRule.retentionAge.time)
    var failedAge: TimeSpan?
    @Option(
        parsing: .unconditional, help: "How many failed jobs are kept.", transform: ValueRule.retentionCount.integer)
    var failedCount: Int?
    @Option(
        help: ArgumentHelp("How long cancelled jobs are kept, 0 to 365d.", valueName: "time"),
        transform: ValueRule.retentionAge.time)
    var cancelledAge: TimeSpan?
    @Option(
        parsing: .unconditional, help: "How many cancelled jobs are kept.", transform: ValueRule.retentionCount.integer)
    var cancelledCount: Int?

    private var pairs: [(state: String, age: TimeSpan?, count: Int?)] {
        [
            ("completed", completedAge, completedCount), ("failed", failedAge, failedCount),
            ("cancelled", cancelledAge, cancelledCount),
        ].filter { $0.1 != nil || $0.2 != nil }
    }

    var isEmpty: Bool { pairs.isEmpty }

    /// Whether only one of age and count is given for a state.
    var hasHalves: Bool { pairs.contains { ($0.age == nil) != ($0.count == nil) } }

    /// The change; `known` is the current value.
    func json(_ known: JSONValue) -> JSONValue? {
        var object = JSONObject()
        for (state, age, count) in pairs {
            func kept(_ name: String) -> JSONValue? { known[state][name].isNull ? nil : known[state][name] }
            object[state] = .fields([
                "age_seconds": age?.json ?? kept("age_seconds"), "count": count.map(JSONValue.integer) ?? kept("count"),
            ])
        }
        return isEmpty ? nil : .object(object)
    }
}
