// The blocking connection against a real server: several lists, cancellation, a lost connection, shutdown.

import MartletRedis
import TestSupport
import Testing

@Suite struct ListWaiterTests {
    /// Longer than any machine stands still, for waits that a token ends.
    private static let long = Duration.seconds(120)

    /// Runs a waiter and a client of the shared server, both with this name.
    private static func withWaiter(
        sharesControl: Bool = false, named name: String = uniquePrefix(),
        _ body: (RedisListWaiter, RedisClient) async throws -> Void
    ) async throws {
        var named = try RedisConfiguration.patient(url: try await SharedRedis.url())
        named.clientName = name
        let configuration = named
        try await withClient(configuration) { (client) async throws in
            let waiter = RedisListWaiter(configuration, control: sharesControl ? client : nil, logger: silent)
            let running = Task { try await waiter.run() }
            try await body(waiter, client)
            running.cancel()
            try await running.value
        }
    }

    /// Whether the waiter with this name blocks.
    private static func isBlocked(_ client: RedisClient, named name: String) async throws -> Bool {
        let list = try await client.ask("CLIENT", "LIST").string ?? ""
        return list.split(whereSeparator: \.isNewline).contains { line in
            line.contains("name=\(name)-blocking") && line.contains("cmd=blpop") && line.contains("flags=b")
        }
    }

    @Test(arguments: [false, true])
    func `a token wakes one waiter of its list`(_ sharesControl: Bool) async throws {
        try await Self.withWaiter(sharesControl: sharesControl) { (waiter, client) async throws in
            let key = uniquePrefix()
            let first = Task { try await waiter.wait(for: key, atMost: Self.long) }
            _ = try await client.ask("RPUSH", key, "1")
            #expect(try await first.value)
            #expect(try await client.ask("LLEN", key).int == 0)
            let token1 = try await waiter.wait(for: key, atMost: .milliseconds(50))
            #expect(!token1)
        }
    }

    @Test func `a second list is added although a BLPOP is in progress`() async throws {
        let name = uniquePrefix()
        try await Self.withWaiter(named: name) { (waiter, client) async throws in
            let (a, b) = (uniquePrefix(), uniquePrefix())
            let waitsForA = Task { try await waiter.wait(for: a, atMost: Self.long) }
            try await eventually("it blocks") { try await Self.isBlocked(client, named: name) }
            let start = ContinuousClock.now
            let waitsForB = Task { try await waiter.wait(for: b, atMost: Self.long) }
            _ = try await client.ask("RPUSH", b, "1")
            #expect(try await waitsForB.value)
            _ = try await client.ask("RPUSH", a, "1")
            #expect(try await waitsForA.value)
            // By itself a BLPOP ends after 30 s.
            #expect(ContinuousClock.now - start < .seconds(28))
        }
    }

    @Test func `many waiters and lists: each token wakes exactly one`() async throws {
        try await Self.withWaiter { (waiter, client) async throws in
            let keys = (0..<5).map { _ in uniquePrefix() }
            let waiting = (0..<50).map { number in
                Task { try await waiter.wait(for: keys[number % 5], atMost: Self.long) }
            }
            for round in 0..<10 {
                for key in keys { _ = try await client.ask("RPUSH", key, "\(round)") }
            }
            for task in waiting { #expect(try await task.value) }
            for key in keys { #expect(try await client.ask("LLEN", key).int == 0) }
        }
    }

    @Test func `a full list does not starve the others`() async throws {
        try await Self.withWaiter { (waiter, client) async throws in
            let (full, other) = (uniquePrefix(), uniquePrefix())
            _ = await client.send((0..<200).map { .command("RPUSH", full, "\($0)") })
            _ = await client.send((0..<5).map { .command("RPUSH", other, "\($0)") })
            let eating = Task {
                while !Task.isCancelled { _ = try await waiter.wait(for: full, atMost: Self.long) }
            }
            for _ in 0..<5 {
                let hasToken = try await waiter.wait(for: other, atMost: Self.long)
                #expect(hasToken)
            }
            eating.cancel()
            _ = await eating.result
        }
    }

    @Test func `a cancelled waiter ends at once and consumes no token`() async throws {
        let name = uniquePrefix()
        try await Self.withWaiter(named: name) { (waiter, client) async throws in
            let key = uniquePrefix()
            let task = Task { try await waiter.wait(for: key, atMost: Self.long) }
            try await eventually("it blocks") { try await Self.isBlocked(client, named: name) }
            task.cancel()
            let start = ContinuousClock.now
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(ContinuousClock.now - start < Self.long / 2)
            // Its BLPOP is ended too: a token pushed later stays for others.
            try await eventually("nobody blocks") { try await !Self.isBlocked(client, named: name) }
            _ = try await client.ask("RPUSH", key, "1")
            try await Task.sleep(for: .milliseconds(100))
            #expect(try await client.ask("LLEN", key).int == 1)
        }
    }

    @Test func `without a token the wait ends at its deadline`() async throws {
        try await Self.withWaiter { (waiter, _) async throws in
            let start = ContinuousClock.now
            let token2 = try await waiter.wait(for: uniquePrefix(), atMost: .milliseconds(120))
            #expect(!token2)
            let took = ContinuousClock.now - start
            #expect(took >= .milliseconds(115) && took < .seconds(15))
            let token3 = try await waiter.wait(for: uniquePrefix(), atMost: .zero)
            #expect(!token3)
        }
    }

    @Test func `a killed server ends the waiting, and after its restart tokens wake again`() async throws {
        try await withServer { (server, client) async throws in
            let waiter = RedisListWaiter(try .patient(url: server.url), logger: silent)
            let running = Task { try await waiter.run() }
            defer { running.cancel() }
            for round in 0..<3 {
                let task = Task { try await waiter.wait(for: "k", atMost: Self.long) }
                try await eventually("it blocks in round \(round)") {
                    try await Self.isBlocked(client, named: "martlet")
                }
                server.kill()
                let start = ContinuousClock.now
                #expect(try await !task.value)
                #expect(ContinuousClock.now - start < Self.long / 2)
                try await server.restart(within: .seconds(60))
                try await client.waitUntilConnected(within: .seconds(30))
                let again = Task { try await waiter.wait(for: "k", atMost: Self.long) }
                _ = try await client.ask("RPUSH", "k", "1")
                #expect(try await again.value)
            }
        }
    }

    @Test func `while the server is unavailable the wait ends at its deadline`() async throws {
        let configuration = try RedisConfiguration(url: "unix:///nowhere/redis.sock")
        let waiter = RedisListWaiter(configuration, logger: silent)
        let running = Task { try await waiter.run() }
        let start = ContinuousClock.now
        let token4 = try await waiter.wait(for: "k", atMost: .milliseconds(150))
        #expect(!token4)
        #expect(ContinuousClock.now - start < .seconds(15))
        running.cancel()
        try await running.value
    }

    @Test func `shutdown returns false to present and later waiters`() async throws {
        let waiter = RedisListWaiter(try await SharedRedis.configuration(), logger: silent)
        let running = Task { try await waiter.run() }
        let task = Task { try await waiter.wait(for: uniquePrefix(), atMost: .seconds(20)) }
        try await Task.sleep(for: .milliseconds(60))
        running.cancel()
        try await running.value
        #expect(try await !task.value)
        let token5 = try await waiter.wait(for: uniquePrefix(), atMost: .seconds(20))
        #expect(!token5)
    }

    @Test func `a user without the right to unblock still gets a second list within about a second`() async throws {
        try await withServer(["--user", "ann", "on", "nopass", "~*", "+blpop", "+ping"]) {
            (server, client) async throws in
            let configuration = try RedisConfiguration.patient(url: server.url + "?user=ann&password=x")
            let waiter = RedisListWaiter(configuration, logger: silent)
            let running = Task { try await waiter.run() }
            defer { running.cancel() }
            let first = Task { try await waiter.wait(for: "a", atMost: Self.long) }
            try await eventually("it blocks") {
                try await client.ask("CLIENT", "LIST").string?.contains("cmd=blpop") == true
            }
            let second = Task { try await waiter.wait(for: "b", atMost: Self.long) }
            _ = try await client.ask("RPUSH", "b", "1")
            #expect(try await second.value)
            first.cancel()
        }
    }
}
