// The program that the README shows, word for word; a test runs it.

import Martlet

struct Greet: Job {  // Codable, Sendable
    static let name = "greet"  // the wire name: explicit, survives a rename
    var who: String
}

@main struct App {
    static func main() async throws {
        let martlet = try await Martlet(.environment())
        try await martlet.queue("default").enqueue(Greet(who: "Ada"), priority: 5)
        try await Worker(martlet, queues: ["default": 8]) {
            On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
        }.run()
    }
}
