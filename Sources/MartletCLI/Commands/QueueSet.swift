// `martlet queue set`: limits of a queue.

import ArgumentParser
import NIOHTTP1

extension QueueCommand {
    struct Configure: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Change settings of a queue; what is not named stays as it is.")

        @Argument(help: "The queue.")
        var name: String
        @Option(help: "How many of its jobs run at once, over all workers; 0 is without limit.")
        var concurrency: Int?
        @Option(help: "Seconds that a worker holds a job without a sign of life, 5 to 900.")
        var lease: Double?
        @Option(help: "What a push waits for at least: memory, fsync or replicated.")
        var durability: String?
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard concurrency != nil || lease != nil || durability != nil else {
                throw ValidationError("Name a setting to change.")
            }
        }

        func run() async throws {
            let body = JSON.fields([
                "concurrency": concurrency.map(JSON.integer), "lease_seconds": lease.map(JSON.number),
                "durability": durability.map(JSON.string),
            ])
            let path = "/api/v1/queues/\(APIClient.escaped(name))"
            let answer = try await client.withClient { try await $0.send(.PUT, path, body: body).value }
            output.show(answer, first: QueueView.order)
        }
    }
}
