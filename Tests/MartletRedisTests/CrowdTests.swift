// A server that lets nobody else in, and one that is part of a cluster.

import MartletRedis
import TestSupport
import Testing

@Suite struct CrowdTests {
    @Test func `at maxclients connected clients work, others retry less and less often and connect when possible`()
        async throws
    {
        try await withServer(["--maxclients", "3"]) { (server, first) async throws in
            let configuration = try RedisConfiguration.patient(url: server.url)
            try await withClient(configuration) { (second) async throws in
                let third = RedisClient(configuration, logger: silent)
                let inside = Task { try await third.run() }
                try await third.waitUntilConnected(within: .seconds(30))
                // The others may have been refused while the connection that saw the server start was still there.
                let before = try await Self.refusals(second)
                let late = RedisClient(configuration, logger: silent)
                let start = ContinuousClock.now
                let outside = Task { try await late.run() }
                defer { outside.cancel() }
                try await eventually("it was refused six times") {
                    #expect(try await first.ask("INCR", "n").int != nil)
                    return try await Self.refusals(second) >= before + 6
                }
                // 50, 100, 200, 400 and 800 ms between six attempts, of which half at least is kept.
                #expect(ContinuousClock.now - start >= .milliseconds(700))
                #expect(!late.isConnected && first.isConnected && second.isConnected)
                inside.cancel()
                _ = await inside.result
                try await late.waitUntilConnected(within: .seconds(30))
                #expect(try await late.ask("INCR", "n").int ?? 0 > 1)
                // Later pauses are at least half of the longest one.
                let refusals = try await Self.refusals(second) - before
                let most = 8 + Int((ContinuousClock.now - start) / (configuration.reconnectCap / 2))
                #expect(refusals <= most, "no storm")
            }
        }
    }

    private static func refusals(_ client: RedisClient) async throws -> Int {
        try await client.ask("INFO", "stats").informationFields["rejected_connections"].flatMap { Int($0) } ?? 0
    }

    @Test func `errors of a cluster have their own code and advice`() async throws {
        let server = try await clusterNode()
        try await withClient(try .patient(url: server.url)) { (client) async throws in
            let unowned = await redisError { () async throws(RedisError) in
                _ = try await client.send(.command(RedisArguments("GET", "a")))
            }
            #expect(unowned?.code == .clusterDown && unowned?.outcome == .notExecuted)
            _ = try await client.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            var across: RedisError?
            try await eventually("the node knows that it has all slots") {
                across = await redisError { () async throws(RedisError) in
                    _ = try await client.send(.command(RedisArguments("MGET", "{a}x", "{b}x")))
                }
                return across?.code != .clusterDown
            }
            #expect(across?.code == .crossSlot && across?.outcome == .notExecuted)
            #expect(across?.description.contains("not in cluster mode") == true)
        }
        await server.stop()
    }
}
