// A Redis under strain: slow scripts, scripts that are killed, memory that runs short, cluster mode.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite(.needsCleanLine("the servers are its own")) struct StrainTests {
    /// Runs `body` beside a store whose script `name` has `source` in front of its `place`.
    private func withSlowed(
        _ name: ScriptFile, at place: String, _ source: String,
        _ body: @escaping @concurrent @Sendable (QueueHarness, Queue) async throws -> Void
    ) async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("slow"), options: ["--busy-reply-threshold", "20"])
        let scripts = ScriptTable { file in
            guard file == name else { return file.source }
            let text = String(decoding: file.source, as: UTF8.self)
            precondition(text.contains(place), "\(name) has no such place")
            return Array(text.replacing(place, with: source + place, maxReplacements: 1).utf8)
        }
        try await withStore(url: server.url) { harness in
            var redis = try RedisConfiguration(url: server.url)
            redis.commandTimeout = .seconds(60)
            let store = JobStore(redis: redis, prefix: harness.prefix, scripts: scripts, logger: noLogger)
            let running = Task { try await store.run() }
            defer { running.cancel() }
            try await store.waitUntilConnected(within: .seconds(30))
            try await body(harness, store.queue(harness.queue().name))
        }
        await server.stop()
    }

    @Test func `a killed audit is reported, has changed nothing, and can be repeated`()
        async throws
    {
        let loop = "while call('EXISTS', q.keys.meta .. ':slow') == 1 do end\n"
        try await withSlowed(.audit, at: "local m = call('HMGET'", loop) { harness, slow in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<300).map { _ in job() })
            try await harness.command("SET", harness.key("meta:slow"), "1")
            let audit = Task { () async throws(QueueError) in try await slow.audit() }
            try await eventually("Redis says that it is busy") { try await Self.isBusy(harness) }
            try await harness.command("FUNCTION", "KILL")
            let error = await #expect(throws: QueueError.self) { try await audit.value }
            #expect(error?.kind == .notExecuted(.busy), "\(String(describing: error))")
            #expect(error?.message.contains("killed") == true)
            try await harness.command("DEL", harness.key("meta:slow"))
            let report = try await slow.audit()
            #expect(report.isClean && report.checked >= 600)
            #expect(try await queue.status()?.jobs[.queued] == 300)
        }
    }

    @Test func `while a script keeps Redis busy calls fail as not executed, and work afterwards`()
        async throws
    {
        let loop = "repeat local t = call('TIME') until t[1] * 1000 + floor(t[2] / 1000) > q.now + 15000\n"
        try await withSlowed(.sweep, at: "results[2] =", loop) { harness, slow in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            let sweep = Task { () async throws(QueueError) in try await slow.sweep() }
            try await eventually("Redis says that it is busy") { try await Self.isBusy(harness) }
            let refused = job()
            let error = await #expect(throws: QueueError.self) { try await queue.enqueue(refused) }
            #expect(error?.kind == .notExecuted(.busy))
            #expect(error?.ids == [refused.id])
            // It has written already, so that nobody may end it.
            let kill = await #expect(throws: RedisError.self) { try await harness.command("FUNCTION", "KILL") }
            #expect(kill?.message.contains("UNKILLABLE") == true)
            #expect(try await sweep.value.promoted == 0)
            #expect(try await queue.state(refused.id) == nil, "not executed means that")
            #expect(try await queue.enqueue(refused) == .created(.queued))
        }
    }

    private static func isBusy(_ harness: QueueHarness) async throws -> Bool {
        do { try await harness.command("PING") } catch let error as RedisError { return error.code == .busy }
        return false
    }

    @Test func `above the memory limit pushes are refused before Redis refuses them, and all else works`()
        async throws
    {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("room"))
        try await withStore(url: server.url) { harness in
            let (store, queue) = (harness.store, harness.queue())
            store.refusePushes(abovePercentOfMemory: 60)
            _ = try await queue.enqueue((0..<10).map { _ in job() })
            _ = try await store.marks()
            #expect(!store.refusesPushes, "a Redis without a limit has no share of it")
            let used = try #require(try await store.serverInformation()["used_memory"].flatMap { Int($0) })
            try await harness.command("CONFIG", "SET", "maxmemory", String(used * 5 / 4))
            _ = try await store.marks()
            #expect(store.refusesPushes)
            let late = job()
            for push in [0, 1, 2, 3] {
                let error = await #expect(throws: QueueError.self) {
                    switch push {
                    case 0: _ = try await queue.enqueue(late)
                    case 1: _ = try await queue.enqueue([late, job()])
                    case 2: _ = try await queue.enqueueAtomically([late])
                    default: _ = try await queue.enqueue(late, durability: .fsync)
                    }
                }
                #expect(error?.kind == .notExecuted(.full))
                #expect(error?.ids.first == late.id && error?.message.contains("from 60 % on") == true)
            }
            // The line is worked off meanwhile, and control and reading go on.
            let claimed = try await harness.claim(10, from: queue)
            #expect(claimed.count == 10)
            let settled = try await queue.settle(claimed.map(\.completion))
            #expect(settled.verdicts.allSatisfy { $0 == .settled(.completed) })
            #expect(try await queue.state(late.id) == nil)
            try await harness.command("CONFIG", "SET", "maxmemory", String(used * 10))
            _ = try await store.marks()
            #expect(try await queue.enqueue(late) == .created(.queued))
        }
        await server.stop()
    }

    @Test func `a store on a cluster node reports the cluster, not an unavailable Redis`() async throws {
        let node = try await clusterNode()
        try await withStore(url: node.url) { harness in
            let error = await #expect(throws: QueueError.self) { try await harness.queue().enqueue(job()) }
            #expect(error?.kind == .notExecuted(.cluster), "\(String(describing: error))")
            // With all slots here each queue works, since its keys share one; only waiting for several does not.
            try await harness.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            try await eventually("the node answers") { (try? await harness.command("GET", "a")) != nil }
            _ = try await harness.queue().enqueue((0..<5).map { _ in job() })
            let claimed = try await harness.claim(5, from: harness.queue())
            #expect(try await harness.queue().settle(claimed.map(\.completion)).verdicts.count == 5)
        }
        await node.stop()
    }
}
