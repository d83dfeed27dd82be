// The client and broken servers: frozen, killed, restarted, absent, loading, full, read-only.

import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import MartletRedis

@Suite struct FaultTests {
    private static func send(_ client: RedisClient, _ words: String...) async -> Result<RedisValue, RedisError> {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        do throws(RedisError) { return .success(try await client.send(.command(arguments))) } catch {
            return .failure(error)
        }
    }

    @Test func `a frozen server costs the command timeout, the outcome is unknown, and a new connection follows`()
        async throws
    {
        // So long that all are sent within it.
        try await withServer(commandTimeout: .seconds(10)) { (server, client) async throws in
            server.pause()
            let start = ContinuousClock.now
            let results = await withTaskGroup(of: Result<RedisValue, RedisError>.self) { group in
                for number in 0..<20 { group.addTask { await Self.send(client, "INCR", "n\(number)") } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let took = ContinuousClock.now - start
            // Each of them waiting for the one before would take 200 seconds.
            #expect(took >= .milliseconds(9990) && took < .seconds(100))
            for result in results {
                guard case .failure(let error) = result else { Issue.record("a frozen server answered"); continue }
                #expect(error.code == .timeout)
                #expect(error.outcome == .unknown)
            }
            server.unpause()
            try await client.waitUntilConnected(within: .seconds(30))
            #expect(try await client.ask("PING") == .text("PONG"))
        }
    }

    @Test func `CLIENT PAUSE longer than the timeout closes the connection`() async throws {
        try await withServer(commandTimeout: .seconds(3)) { (server, client) async throws in
            // Of writes only, so that it can last for longer than the test.
            try await ask(server, "CLIENT", "PAUSE", "600000", "WRITE")
            let result = await Self.send(client, "INCR", "n")
            guard case .failure(let error) = result else { throw NeverHappened.test("the timeout") }
            #expect(error.code == .timeout && error.outcome == .unknown)
            try await eventually("the client works again") { (try? await Self.send(client, "PING").value()) != nil }
        }
    }

    @Test func `when the server is killed and restarted under load, every command has a true outcome`() async throws {
        try await withServer(["--appendonly", "yes", "--appendfsync", "always"], commandTimeout: .seconds(3)) {
            (server, client) async throws in
            let tally = Tally()
            let load = (0..<40).map { number in
                Task {
                    while !Task.isCancelled { tally.count(await Self.send(client, "INCR", "n\(number % 7)")) }
                }
            }
            let batches = (0..<5).map { _ in
                Task {
                    while !Task.isCancelled {
                        for result in await client.send((0..<20).map { .command("INCR", "n\($0 % 7)") }) {
                            tally.count(result)
                        }
                    }
                }
            }
            for _ in 0..<3 {
                let goal = tally.done + 200
                try await eventually("200 more are done") { tally.done >= goal }
                // It stands still first, so that commands are on their way when it is killed.
                server.pause()
                try await eventually("commands are on their way") { client.core.writtenCount > 0 }
                server.kill()
                try await server.restart(within: .seconds(60))
            }
            let goal = tally.done + 200
            try await eventually("200 more are done") { tally.done >= goal }
            for task in load + batches { task.cancel() }
            for task in load + batches { await task.value }
            var total = 0
            for number in 0..<7 { total += try await ask(server, "GET", "n\(number)").int ?? 0 }
            #expect(tally.strange.isEmpty, "\(tally.strange)")
            #expect(tally.unknown > 0)
            #expect(total >= tally.done, "an acknowledged command was lost")
            #expect(total <= tally.done + tally.unknown, "a command that was not executed was executed")
        }
    }

    @Test func `commands sent while the server is unavailable are executed once when it is back`() async throws {
        try await withServer(["--appendonly", "yes"]) { (server, client) async throws in
            _ = try await client.ask("SET", "n", "0")
            server.kill()
            try await eventually("the loss is seen") { !client.isConnected }
            let waiting = (0..<100).map { _ in Task { await Self.send(client, "INCR", "n") } }
            try await server.restart(within: .seconds(60))
            for task in waiting { _ = try await task.value.value() }
            #expect(try await client.ask("GET", "n").int == 100)
        }
    }

    @Test func `with no server at all commands are not executed, and the error says where it tried`() async throws {
        let path = temporaryDirectory("none") + "/redis.sock"
        var configuration = try RedisConfiguration(url: "unix://\(path)")
        configuration.commandTimeout = .seconds(1)
        let client = RedisClient(configuration, logger: silent)
        let running = Task { try await client.run() }
        defer { running.cancel() }
        try await eventually("it has tried to connect") { client.connectionFailure != nil }
        guard case .failure(let error) = await Self.send(client, "PING") else { throw NeverHappened.test("an error") }
        #expect(error.code == .notConnected && error.outcome == .notExecuted)
        #expect(error.message.contains(path))
        #expect((error.underlying as? RedisError)?.code == .connectionFailed)
        let results = await client.send([.command("PING"), .command("PING")])
        #expect(results.count == 2)
        for result in results { #expect(throws: RedisError.self) { try result.value() } }
    }

    @Test func `a full server refuses writes without executing them`() async throws {
        try await withServer(["--maxmemory", "1", "--maxmemory-policy", "noeviction"]) { (_, client) async throws in
            guard case .failure(let error) = await Self.send(client, "SET", "k", "v")
            else { throw NeverHappened.test("OOM") }
            #expect(error.code == .outOfMemory && error.outcome == .notExecuted)
        }
    }

    @Test func `a replica refuses writes, and the client looks for the primary with pauses`() async throws {
        try await withServer(["--replica-serve-stale-data", "yes"]) { (server, client) async throws in
            _ = try await client.ask("SET", "k", "v")
            let before = try await client.ask("CLIENT", "ID").int
            _ = try await client.ask("REPLICAOF", "127.0.0.1", "1")
            guard case .failure(let error) = await Self.send(client, "SET", "k", "w")
            else { throw NeverHappened.test("READONLY") }
            #expect(error.code == .readOnly && error.outcome == .notExecuted)
            // Reading still works, on a new connection.
            #expect(try await client.ask("GET", "k") == .text("v"))
            #expect(try await client.ask("CLIENT", "ID").int != before)
        }
    }

    @Test func `a replica that lost its primary is not a connection`() async throws {
        try await withServer(["--replica-serve-stale-data", "no"], commandTimeout: .seconds(20)) {
            server, client in
            _ = try await client.ask("REPLICAOF", "127.0.0.1", "1")
            guard case .failure(let first) = await Self.send(client, "GET", "k")
            else { throw NeverHappened.test("MASTERDOWN") }
            #expect(first.code == .masterDown && first.outcome == .notExecuted)
        }
    }

    @Test func `a server of another protocol is reported by name`() async throws {
        let other = try await LineServer.start(answer: "HTTP/1.1 400 Bad Request\r\n\r\n")
        var configuration = try RedisConfiguration.patient(url: "redis://127.0.0.1:\(other.port)")
        configuration.commandTimeout = .seconds(1)
        let client = RedisClient(configuration, logger: silent)
        let running = Task { try await client.run() }
        defer { running.cancel() }
        try await eventually("it has tried to connect") { client.connectionFailure != nil }
        guard case .failure(let error) = await Self.send(client, "PING") else { throw NeverHappened.test("an error") }
        #expect(error.code == .notConnected)
        #expect((error.underlying as? RedisError)?.code == .protocolError)
        try await other.stop()
    }

    @Test func `an unrequested reply ends the connection`() async throws {
        let other = try await LineServer.start(answer: "+OK\r\n+PONG\r\n:1\r\n:2\r\n")
        var configuration = try RedisConfiguration.patient(url: "redis://127.0.0.1:\(other.port)")
        configuration.commandTimeout = .milliseconds(300)
        let client = RedisClient(configuration, logger: silent)
        let running = Task { try await client.run() }
        defer { running.cancel() }
        try await eventually("it connects a second time") { other.connections >= 2 }
        try await other.stop()
    }
}

/// Counts outcomes.
private final class Tally: Sendable {
    private let counts = Mutex((done: 0, unknown: 0, strange: [String]()))

    var done: Int { counts.withLock { $0.done } }
    var unknown: Int { counts.withLock { $0.unknown } }
    var strange: [String] { counts.withLock { $0.strange } }

    func count(_ result: Result<RedisValue, RedisError>) {
        counts.withLock { counts in
            switch result {
            case .success: counts.done += 1
            case .failure(let error) where error.outcome == .unknown: counts.unknown += 1
            case .failure(let error) where error.outcome == .notExecuted: break
            case .failure(let error): counts.strange.append("\(error)")
            }
        }
    }
}
