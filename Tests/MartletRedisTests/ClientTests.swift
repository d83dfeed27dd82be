// The client against a real server: order, batches, scripts, cancellation, shutdown.

import FoundationEssentials
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import MartletRedis

@Suite struct ClientTests {
    @Test func `values of every kind make the round trip`() async throws {
        try await withSharedClient { (client) async throws in
            let key = uniquePrefix()
            #expect(try await client.ask("SET", key, "") == .text("OK"))
            #expect(try await client.ask("GET", key) == .text(""))
            #expect(try await client.ask("GET", key + "none") == .null)
            let bytes = (0...255).map { UInt8($0) }
            var arguments = RedisArguments("SET", key)
            arguments.append(bytes)
            #expect(try await client.send(.command(arguments)) == .text("OK"))
            #expect(try await client.ask("GET", key) == .bytes(bytes))
            let nested = "return {1, 'a', {2, {}}, false, redis.error_reply('INNER bad')}"
            let reply = try await client.ask("EVAL", nested, "0")
            #expect(
                reply
                    == .array([
                        .integer(1), .text("a"), .array([.integer(2), .array([])]), .null, .error("INNER bad"),
                    ]))
        }
    }

    @Test func `a value of eight megabytes makes the round trip`() async throws {
        try await withSharedClient { (client) async throws in
            let key = uniquePrefix()
            let large = [UInt8](repeating: 65, count: 8 << 20)
            var arguments = RedisArguments("SET", key)
            arguments.append(large)
            #expect(try await client.send(.command(arguments)) == .text("OK"))
            #expect(try await client.ask("GET", key) == .bytes(large))
            _ = try await client.ask("DEL", key)
        }
    }

    @Test func `an error reply is thrown with its class`() async throws {
        try await withSharedClient { (client) async throws in
            let key = uniquePrefix()
            _ = try await client.ask("SET", key, "text")
            let error = await redisError { () async throws(RedisError) in
                _ = try await client.send(.command("INCR", key))
            }
            #expect(error?.code == .serverError)
            #expect(error?.outcome == .verdict)
        }
    }

    @Test func `each of a thousand concurrent tasks gets the reply to its own command`() async throws {
        try await withSharedClient { (client) async throws in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<1000 {
                    group.addTask {
                        for round in 0..<10 {
                            let text = "\(number)-\(round)"
                            guard try await client.ask("ECHO", text) == .text(text) else { return false }
                        }
                        return true
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test func `one task's commands are executed in the order in which it sent them`() async throws {
        try await withSharedClient { (client) async throws in
            let key = uniquePrefix()
            let batch = (0..<2000).map { RedisRequest.command("RPUSH", key, String($0)) }
            let results = await client.send(batch)
            #expect(results.compactMap { try? $0.value().int } == Array(1...2000))
            let list = try await client.ask("LRANGE", key, "0", "-1").array?.compactMap(\.int)
            #expect(list == Array(0..<2000))
        }
    }

    @Test func `a batch has a result for each item, and an error is only its own`() async throws {
        try await withSharedClient { (client) async throws in
            let key = uniquePrefix()
            let results = await client.send([
                .command("SET", key, "x"), .command("INCR", key), .command("GET", key), .command("NOSUCH"),
                .command("STRLEN", key),
            ])
            #expect(results.count == 5)
            let codes = results.map { result -> RedisError.Code? in
                if case .failure(let error) = result { error.code } else { nil }
            }
            #expect(codes == [nil, .serverError, nil, .unknownCommand, nil])
            let length = try results[4].value()
            #expect(length == .integer(1))
            #expect(await client.send([]).isEmpty)
        }
    }

    @Test func `batches of many tasks do not mix`() async throws {
        try await withSharedClient { (client) async throws in
            await withTaskGroup(of: Bool.self) { group in
                for task in 0..<100 {
                    group.addTask {
                        let words = (0..<50).map { "\(task)/\($0)" }
                        let results = await client.send(words.map { .command("ECHO", $0) })
                        return results.compactMap { try? $0.value().string } == words
                    }
                }
                for await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test func `a batch leaves in one write`() async throws {
        try await withServer { (_, client) async throws in
            func reads() async throws -> Int {
                let info = try await client.ask("INFO", "stats").string ?? ""
                let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("total_reads_processed:") }
                return Int(line?.split(separator: ":").last ?? "") ?? -1
            }
            let before = try await reads()
            _ = await client.send((0..<500).map { _ in .command("PING") })
            // One for the batch, one for INFO; each of them could be cut in two by the kernel.
            #expect(try await reads() - before <= 4)
        }
    }
}

@Suite struct ScriptTests {
    @Test func `a script that the server does not know is sent with its source`() async throws {
        try await withServer { (_, client) async throws in
            let echo = try await script("return {KEYS[1], ARGV[1], ARGV[2]}", client)
            let request = RedisRequest.script(
                echo, keys: RedisArguments("k"), arguments: RedisArguments("a", "b"))
            let expected = RedisValue.array([.text("k"), .text("a"), .text("b")])
            #expect(try await client.send(request) == expected)
            for _ in 0..<3 {
                _ = try await client.ask("SCRIPT", "FLUSH")
                #expect(try await client.send(request) == expected)
                // Now the server knows it again.
                #expect(try await client.ask("SCRIPT", "EXISTS", echo.sha1) == .array([.integer(1)]))
            }
        }
    }

    @Test func `inside a batch the replies keep their places`() async throws {
        try await withServer { (_, client) async throws in
            let double = try await script("return ARGV[1] * 2", client)
            func call(_ number: Int) -> RedisRequest {
                .script(double, keys: RedisArguments(), arguments: RedisArguments(String(number)))
            }
            var batch: [RedisRequest] = [call(1), .command("ECHO", "mid"), call(2), .command("NOSUCH")]
            batch.append(.command("SCRIPT", "FLUSH"))
            batch += (3...100).map(call)
            for _ in 0..<3 {
                let results = await client.send(batch)
                #expect(try results[0].value() == .integer(2))
                #expect(try results[1].value() == .text("mid"))
                #expect(try results[2].value() == .integer(4))
                #expect(throws: RedisError.self) { try results[3].value() }
                #expect(try results.dropFirst(5).map { try $0.value().int } == (3...100).map { $0 * 2 })
            }
        }
    }

    @Test func `a server that forgets all scripts again and again shows no error`() async throws {
        try await withServer { (server, client) async throws in
            let count = try await script("return redis.call('INCR', KEYS[1])", client)
            let flushing = Task {
                while !Task.isCancelled { _ = try? await client.ask("SCRIPT", "FLUSH") }
            }
            defer { flushing.cancel() }
            let request = RedisRequest.script(count, keys: RedisArguments("n"), arguments: RedisArguments())
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        for _ in 0..<10 { _ = try await client.send(request) }
                        for result in await client.send([request, request]) { _ = try result.value() }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await client.ask("GET", "n").int == 600)
        }
    }

    @Test func `an error inside a script is a verdict and is not repeated`() async throws {
        try await withSharedClient { (client) async throws in
            let key = uniquePrefix()
            let bad = try await script("redis.call('INCR', KEYS[1]); return redis.error_reply('BAD thing')", client)
            let request = RedisRequest.script(bad, keys: RedisArguments(key), arguments: RedisArguments())
            let error = await redisError { () async throws(RedisError) in _ = try await client.send(request) }
            #expect(error?.outcome == .verdict)
            #expect(try await client.ask("GET", key).int == 1)
        }
    }
}

@Suite struct CancellationTests {
    @Test func `a cancelled task ends alone, and the connection is kept`() async throws {
        try await withServer(commandTimeout: .seconds(60)) { (server, client) async throws in
            let id = try await client.ask("CLIENT", "ID").int
            server.pause()
            let cancelled = (0..<50).map { number in
                Task { try await client.ask("SET", "c\(number)", "x") }
            }
            let others = (0..<50).map { number in Task { try await client.ask("ECHO", "\(number)") } }
            let batch = Task { await client.send([.command("ECHO", "1"), .command("ECHO", "2")]) }
            try await eventually("all are written") { client.core.writtenCount == 101 }
            for task in cancelled { task.cancel() }
            batch.cancel()
            for task in cancelled {
                let error = await #expect(throws: RedisError.self) { try await task.value }
                #expect(error?.code == .cancelled)
            }
            for result in await batch.value {
                #expect(throws: RedisError.self) { try result.value() }
            }
            server.unpause()
            for (number, task) in others.enumerated() { #expect(try await task.value == .text("\(number)")) }
            #expect(try await client.ask("CLIENT", "ID").int == id)
        }
    }

    @Test func `a task that is cancelled before it sends executes nothing`() async throws {
        try await withSharedClient { (client) async throws in
            let key = uniquePrefix()
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                _ = try await client.ask("SET", key, "x")
            }
            task.cancel()
            let error = await #expect(throws: RedisError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(error?.outcome == .notExecuted)
            let exists = try await client.ask("EXISTS", key).int
            #expect(exists == 0)
        }
    }

    @Test func `cancelling at any moment affects no other request`() async throws {
        try await withSharedClient { (client) async throws in
            await withTaskGroup(of: Bool.self) { group in
                for number in 0..<300 {
                    group.addTask {
                        let task = Task { try await client.ask("ECHO", "victim") }
                        if number % 3 != 0 { await Task.yield() }
                        task.cancel()
                        let echo = try? await client.ask("ECHO", "\(number)")
                        if let late = try? await task.value, late != .text("victim") { return false }
                        return echo == .text("\(number)")
                    }
                }
                for await isRight in group { #expect(isRight) }
            }
        }
    }
}

@Suite struct ShutdownTests {
    /// A client that waits a minute for a reply.
    private static func patientClient(of server: PrivateRedisServer) throws -> RedisClient {
        RedisClient(try .patient(url: server.url), logger: silent)
    }

    @Test func `graceful shutdown finishes requests in flight, refuses others, and returns`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("own"), within: .seconds(60))
        let client = try Self.patientClient(of: server)
        let group = ServiceGroup(services: [client], logger: silent)
        let running = Task { try await group.run() }
        try await client.waitUntilConnected(within: .seconds(30))
        server.pause()
        let pending = (0..<20).map { number in Task { try await client.ask("ECHO", "\(number)") } }
        try await eventually("all are written") { client.core.writtenCount == 20 }
        await group.triggerGracefulShutdown()
        server.unpause()
        for (number, task) in pending.enumerated() { #expect(try await task.value == .text("\(number)")) }
        try await running.value
        let error = await redisError { () async throws(RedisError) in _ = try await client.send(.command("PING")) }
        #expect(error?.code == .closed)
        #expect(error?.outcome == .notExecuted)
        #expect(!client.isConnected)
        await server.stop()
    }

    @Test func `shutdown while there is no server returns at once`() async throws {
        let client = RedisClient(try .patient(url: "unix:///nowhere/redis.sock"), logger: silent)
        let group = ServiceGroup(services: [client], logger: silent)
        let running = Task { try await group.run() }
        let waiting = Task {
            await redisError { () async throws(RedisError) in _ = try await client.send(.command("PING")) }
        }
        try await eventually("it has tried to connect") { client.connectionFailure != nil }
        let start = ContinuousClock.now
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(await waiting.value?.code == .closed)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `cancelling run closes the connection and fails the waiting requests`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("own"), within: .seconds(60))
        let client = try Self.patientClient(of: server)
        let running = Task { try await client.run() }
        try await client.waitUntilConnected(within: .seconds(30))
        server.pause()
        let waiting = Task {
            await redisError { () async throws(RedisError) in _ = try await client.send(.command("PING")) }
        }
        try await eventually("it is written") { client.core.writtenCount == 1 }
        running.cancel()
        #expect(await waiting.value?.outcome == .unknown)
        try await running.value
        server.kill()
    }

    @Test func `a client that is not running reports it at the timeout`() async throws {
        var configuration = try await SharedRedis.configuration()
        configuration.commandTimeout = .milliseconds(80)
        let client = RedisClient(configuration, logger: silent)
        let error = await redisError { () async throws(RedisError) in _ = try await client.send(.command("PING")) }
        #expect(error?.code == .notConnected)
        #expect(error?.outcome == .notExecuted)
        #expect(error?.description.contains("run()") == true)
    }
}
