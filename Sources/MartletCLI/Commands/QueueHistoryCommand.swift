// `martlet queue history`: rates and depths of a queue, or of all, over time.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON

extension QueueCommand {
    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show rates, depths, waits and runs over time, of a queue or of all.",
            discussion: """
                Samples are kept by the second for 10 minutes, by the minute for a day, and by 10 minutes for 30 days. Steps are \
                longer than asked for where that is needed.
                """)

        @Argument(help: "The queue; the sum over all queues if omitted.", transform: ValueRule.queue.text)
        var name: String?
        @Option(
            help: ArgumentHelp("The least seconds of a step; 10 by default.", valueName: "seconds"),
            transform: ValueRule.historyStep.integer)
        var step: Int?
        @Option(
            help: ArgumentHelp(
                "When it starts: RFC 3339, or how long ago, such as 2h; 60 steps before the end by default.",
                valueName: "time"))
        var from: PastMoment?
        @Option(
            help: ArgumentHelp("No step ends later: RFC 3339, or how long ago, such as 2h.", valueName: "time"))
        var to: PastMoment?
        @Option(help: ArgumentHelp("Times are those of jobs of this type.", valueName: "type"))
        var type: String?
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        private static let view = ItemView(
            .text("TIME", "at"), .number("PUSHED/S", "pushed"), .number("COMPLETED/S", "completed"),
            .number("FAILED/S", "failed"), .number("CANCELLED/S", "cancelled").optional(1), .number("QUEUED", "queued"),
            .number("ACTIVE", "active"), .number("DELAYED", "delayed").optional(2),
            time("WAIT P50", "wait", 50).optional(4), time("WAIT P99", "wait", 99),
            time("RUN P50", "run", 50).optional(3),
            time("RUN P99", "run", 99))

        /// Milliseconds below a second.
        private static func short(_ seconds: Double) -> String {
            seconds < 1 ? HumanReadable.tenths(seconds * 1000) + "ms" : HumanReadable.seconds(seconds)
        }

        private static func time(_ title: String, _ name: String, _ share: Int) -> ItemView.Field {
            .number(title) { $0[name]["p\(share)_seconds"].double.map(Self.short) ?? "" }
        }

        func run() async throws {
            let answer = try await client.withClient { client in
                try await client.get(
                    name.map { "/api/v1/queues/\(APIClient.escaped($0))/history" } ?? "/api/v1/history",
                    query: [("step", step.map { "\($0)" }), ("from", from?.text), ("to", to?.text), ("type", type)])
            }
            guard output.format == .table else { return output.show(answer) }
            output.show(answer["points"].array ?? [], as: Self.view)
        }
    }
}
