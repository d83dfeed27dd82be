// The type that users begin with: the example of the documentation, the environment, mistakes in it.

import Foundation
import Logging
import Martlet
import ServiceLifecycle
import TestSupport
import Testing

private struct Greet: Job {
    static let name = "greet"
    var who: String
}

@Suite struct MartletTests {
    @Test func `the example of the documentation works`() async throws {
        let martlet = try await Martlet(
            .environment(["REDIS_URL": try await SharedRedis.url(), "REDIS_PREFIX": uniquePrefix()]), logger: silence)
        let ref = try await martlet.queue("default").enqueue(Greet(who: "Ada"), priority: 5)
        let run = Task {
            try await Worker(martlet, queues: ["default": 8], logger: silence) {
                On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
            }.run()
        }
        #expect(try await ref.result(within: .seconds(30)) == Empty())
        run.cancel()
        try await run.value
        #expect(try await martlet.queue("default").audit().isClean)
        await martlet.shutdown()
        await #expect(throws: QueueError.self) { try await martlet.queue("default").enqueue(Greet(who: "Bob")) }
    }

    @Test func `in a service group the worker ends before the connection`() async throws {
        let martlet = try await Martlet(
            MartletConfiguration(redisURL: try await SharedRedis.url(), prefix: uniquePrefix()), logger: silence)
        let runLog = RunLog()
        let worker = Worker(martlet, queues: ["default": 1], logger: silence) {
            On(Greet.self) { _, _ in
                runLog.add("start")
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        let ref = try await martlet.queue("default").enqueue(Greet(who: "Ada"))
        let group = ServiceGroup(services: [martlet, worker], logger: silence)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("it runs") { runLog.count == 1 }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        await #expect(throws: (any Error).self) { try await ref.record() }
    }

    @Test func `the environment names Redis and the prefix, also by a file, and mistakes are reported`() throws {
        let standard = try MartletConfiguration.environment([:])
        #expect(standard.prefix == "martlet")
        let file = temporaryDirectory("env") + "/url"
        try Data("redis://127.0.0.1:7777/2\n".utf8).write(to: URL(filePath: file))
        let named = try MartletConfiguration.environment(["REDIS_URL_FILE": file, "REDIS_PREFIX": "a.b_c:d-E"])
        #expect(named.prefix == "a.b_c:d-E")
        // The command reads the same file in the same way.
        try Data("\n  redis://127.0.0.1:7777/2 \r\nas of May\n".utf8).write(to: URL(filePath: file))
        #expect(throws: Never.self) { try MartletConfiguration.environment(["REDIS_URL_FILE": file]) }
        for (text, word) in [(" \n", "not empty"), (String(repeating: "x", count: 2 << 20), "1 MiB")] {
            try Data(text.utf8).write(to: URL(filePath: file))
            let error = #expect(throws: MartletError.self) {
                try MartletConfiguration.environment(["REDIS_URL_FILE": file])
            }
            #expect(error?.description.contains(word) == true)
        }
        for prefix in ["", "{x}", "a b", String(repeating: "x", count: 65)] {
            #expect(throws: MartletError.badPrefix(prefix)) {
                try MartletConfiguration.environment(["REDIS_PREFIX": prefix])
            }
        }
        #expect(throws: MartletError.self) { try MartletConfiguration.environment(["REDIS_URL": "http://x"]) }
        #expect(throws: MartletError.unreadableFile("/nowhere")) {
            try MartletConfiguration.environment(["REDIS_URL_FILE": "/nowhere"])
        }
        for error: MartletError in [.badQueueName("B"), .badPrefix(""), .badRedisURL("x"), .unreadableFile("f")] {
            #expect(!error.description.isEmpty)
        }
    }

    @Test func `an invalid queue name and a missing Redis are reported at once`() async throws {
        let martlet = try await Martlet(
            MartletConfiguration(redisURL: try await SharedRedis.url(), prefix: uniquePrefix()), logger: silence)
        #expect(throws: MartletError.badQueueName("Bad Name")) { try martlet.queue("Bad Name") }
        await martlet.shutdown()
        var nowhere = try MartletConfiguration(redisURL: "unix:///nowhere.sock")
        nowhere.connectTimeout = .milliseconds(100)
        let configuration = nowhere
        await #expect(throws: QueueError.self) { try await Martlet(configuration, logger: silence) }
    }
}
