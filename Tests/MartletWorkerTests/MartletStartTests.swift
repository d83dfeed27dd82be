// What a program of the Swift API makes sure of before it works: the same as `martlet serve` and `martlet work`.

import Foundation
import Logging
import Martlet
import MartletRedis
import TestSupport
import Testing

@Suite struct MartletStartTests {
    private func martlet(
        _ harness: QueueHarness, environment: String = "default", logger: Logger = silence
    ) async throws -> Martlet {
        let url = try await SharedRedis.url()
        return try await Martlet(
            MartletConfiguration(redisURL: url, prefix: harness.prefix, environment: environment), logger: logger)
    }

    @Test func `keys of another environment are refused, and own keys are marked`() async throws {
        try await withStore { harness in
            let staging = try await martlet(harness, environment: "staging")
            await staging.shutdown()
            let key = harness.prefix + ":global"
            #expect(try await harness.command("HGET", key, "environment").string == "staging")
            let error = await #expect(throws: MartletError.self) { try await martlet(harness) }
            let text = try #require(error?.description)
            #expect(text.contains("staging") && text.contains("REDIS_ENVIRONMENT") && text.contains("REDIS_PREFIX"))
            let again = try await martlet(harness, environment: "staging")
            await again.shutdown()
        }
        #expect(throws: MartletError.badEnvironment("a b")) {
            try MartletConfiguration.environment(["REDIS_ENVIRONMENT": "a b"])
        }
        #expect(try MartletConfiguration.environment(["REDIS_ENVIRONMENT": "live"]).environment == "live")
    }

    @Test func `a Redis that evicts keys is refused`() async throws {
        let redis = try await PrivateRedisServer.start(
            directory: temporaryDirectory("lru"), options: ["--maxmemory-policy", "allkeys-lru"])
        let error = await #expect(throws: MartletError.self) {
            try await Martlet(MartletConfiguration(redisURL: redis.url), logger: silence)
        }
        #expect(error?.description.contains("maxmemory-policy: allkeys-lru; set noeviction") == true)
        await redis.stop()
    }

    @Test func `a worker waits for a Redis that is not reachable yet, and logs it`() async throws {
        let redis = try await PrivateRedisServer.start(directory: temporaryDirectory("late"))
        await redis.stop()
        let lines = RunLog()
        let url = redis.url
        async let starting = Martlet(MartletConfiguration(redisURL: url), logger: lines.logger())
        try await eventually("the wait is told") {
            lines.all.contains { $0.contains("Redis unavailable, checks will retry") && $0.contains("warning") }
        }
        try await redis.restart()
        let martlet = try await starting
        try await martlet.queue("default").create()
        await martlet.shutdown()
        await redis.stop()
    }

    @Test(arguments: [("maxmemory", "1mb"), ("min-replicas-to-write", "1")])
    func `a worker starts while Redis refuses writes, logs it, and runs the waiting jobs`(
        _ setting: String, _ fault: String
    ) async throws {
        let redis = try await PrivateRedisServer.start(
            directory: temporaryDirectory("full"), options: ["--appendonly", "yes"])
        try await withStore(url: redis.url) { harness in
            let ids = try await harness.queue().enqueue(contentsOf: (0..<20).map { Note(number: $0) }).map(\.id)
            try await harness.command("CONFIG", "SET", setting, fault)
            let lines = RunLog()
            let martlet = try await Martlet(
                MartletConfiguration(redisURL: redis.url, prefix: harness.prefix), logger: lines.logger())
            #expect(lines.all.contains { $0.contains("environment") && $0.contains("not marked") }, "\(lines.all)")
            let worker = Worker(martlet, queues: ["q": 2], configuration: .quick, logger: lines.logger()) {
                On(Note.self) { _, _ in }
            }
            try await running(worker) {
                // A full Redis lets jobs be worked off; without its replicas it takes no write at all.
                if setting == "maxmemory" {
                    for id in ids { try await harness.waitFor(id, .completed) }
                } else {
                    try await eventually("the worker says what is wrong") {
                        lines.all.contains { $0.contains("claim/settle request failed") }
                    }
                }
                try await harness.command("CONFIG", "SET", setting, "0")
                for id in ids { try await harness.waitFor(id, .completed) }
            }
            await martlet.shutdown()
        }
        await redis.stop()
    }
}
