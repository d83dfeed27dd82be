// `martlet queue drain` and `martlet queue delete`.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import NIOHTTP1

extension QueueCommand {
    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel all waiting jobs of a queue; running jobs continue.")

        @Argument(help: "The queue.", transform: ValueRule.queue.text)
        var name: String
        @OptionGroup var consent: ConsentOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try consent.ask("Cancel all waiting jobs of the queue \(name)")
            let path = "/api/v1/queues/\(APIClient.escaped(name))/drain"
            output.show(
                try await client.withClient { try await $0.post(path) },
                first: ["name", "cancelled", "waiting", "running"])
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a queue that has no jobs, with its settings.",
            discussion: "A queue with a job that waits or runs is never deleted; drain it first.")

        @Argument(help: "The queue.", transform: ValueRule.queue.text)
        var name: String
        @Flag(help: "Also delete finished jobs.")
        var finished = false
        @OptionGroup var consent: ConsentOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try consent.ask("Delete the queue \(name)\(finished ? " with its finished jobs" : "")")
            let path = "/api/v1/queues/\(APIClient.escaped(name))"
            let query = [("confirm", Optional(name)), ("finished", finished ? "true" : nil)]
            let answer: JSONValue
            do {
                answer = try await client.withClient { try await $0.send(.DELETE, path, query: query).value }
            } catch var failure as CommandFailure where failure.word == "queue-not-empty" {
                failure.message = failure.message.replacing("?finished=true", with: "--finished")
                throw failure
            }
            let shown = answer.object == nil ? JSONValue.object(["name": .string(name)]) : answer
            output.show(shown, first: ["name", "deleted_jobs"])
        }
    }
}
