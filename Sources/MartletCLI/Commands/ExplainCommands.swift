// `martlet job explain` and `martlet queue explain`: why jobs wait.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON

extension JobCommand {
    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say why a job waits, by the rules with which claims decide.",
            discussion: "Of a job that runs or has finished it says that. The format json has all details.")

        @OptionGroup var job: OneJob
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let answer = try await client.withClient { try await $0.get("\(job.path)/explain", query: job.query) }
            guard output.format == .table else { return output.show(answer) }
            let console = Console.standard
            console.out("\(job.id) in \(answer["queue"].string ?? ""): \(answer["state"].string ?? "")")
            for sentence in answer["sentences"].array ?? [] {
                console.out("  " + TerminalText.oneLine(sentence.string ?? ""))
            }
        }
    }
}

extension QueueCommand {
    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Count the waiting jobs of a queue by what they wait for.",
            discussion:
                "Of blocked jobs it looks at the 500 keys that open soonest, and shows the 20 that most jobs wait for.")

        @Argument(help: "The queue.", transform: ValueRule.queue.text)
        var name: String
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        private static let reasons = ItemView(.text("REASON", "reason"), .number("JOBS", "jobs"))
        private static let keys = ItemView(
            .text("KEY", "key").shortened(to: 20, .middle), .number("WAITING", "waiting"), .text("REASON", "reason"),
            .text("OPENS", "opens_at"))

        func run() async throws {
            let answer = try await client.withClient { client in
                try await client.get("/api/v1/queues/\(APIClient.escaped(name))/explain")
            }
            guard output.format == .table else { return output.show(answer) }
            output.show(Self.counts(answer["waiting"]), as: Self.reasons)
            let keys = answer["keys"].array ?? []
            if !keys.isEmpty { output.show(keys, as: Self.keys) }
            let rest = answer["not_looked_at"].int ?? 0
            if rest > 0 { Console.standard.note("\(rest) blocked jobs wait for keys that were not looked at.") }
        }

        /// The reasons that hold back any job.
        private static func counts(_ waiting: JSONValue) -> [JSONValue] {
            (waiting.object?.names ?? []).compactMap { name in
                guard let jobs = waiting[name].int, jobs > 0 else { return nil }
                return .object(["reason": .string(name), "jobs": .integer(jobs)])
            }
        }
    }
}
