// The fault proxy itself: what it frames, what each class of fault does to a request and its neighbours, what it counts.

import FoundationEssentials
import Logging
import MartletRedis
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import FaultInjection

/// A client behind a proxy, beside one that goes straight to the server.
private struct Line {
    let proxy: FaultProxy
    let near: RedisClient
    let far: RedisClient
    let key = uniquePrefix()

    /// Sends what must fail; the error.
    func fault(_ words: String...) async -> RedisError? {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return await redisError { () throws(RedisError) in _ = try await far.send(.command(arguments)) }
    }

    /// What the server holds, seen past the proxy.
    func stored() async throws -> Int { try await near.ask("GET", key).int ?? 0 }
}

private func withLine(
    on place: FaultProxy.Place = .unixSocket, timeout: Duration = .seconds(60), _ body: (Line) async throws -> Void
) async throws {
    let server = try await SharedRedis.server()
    let proxy = try await FaultProxy.start(to: server.socketPath, on: place)
    var configuration = try RedisConfiguration.patient(url: proxy.url)
    configuration.commandTimeout = timeout
    try await withSharedClient { near in
        try await withClient(configuration) { far in try await body(Line(proxy: proxy, near: near, far: far)) }
    }
    await proxy.stop()
}

@Suite(.serialized) struct FaultProxyTests {
    @Test func `without a rule everything passes, whole and in order`() async throws {
        try await withLine { (line) async throws in
            let long = String(repeating: "x", count: 300_000)
            _ = try await line.far.ask("SET", line.key, long)
            #expect(try await line.far.ask("GET", line.key).string == long)
            let results = await line.far.send((0..<500).map { .command("ECHO", "\($0)") })
            #expect(results.compactMap { try? $0.value().string } == (0..<500).map(String.init))
            let nested = try await line.far.ask("EVAL", "return {1, {'a', {}, false}, {{{2}}}}", "0")
            #expect(nested.array?.count == 3)
            #expect(line.proxy.counts.isEmpty)
        }
    }

    @Test func `a dropped request is never executed and ends the connection`() async throws {
        try await withLine { (line) async throws in
            line.proxy.add(FaultRule(Fault(.drop), to: .command("incr")))
            let error = await line.fault("INCR", line.key)
            #expect(error?.outcome == .unknown)
            #expect(try await line.stored() == 0)
            #expect(try await line.far.ask("INCR", line.key).int == 1)
            #expect(line.proxy.counts == [.drop: 1])
        }
    }

    @Test func `a request dropped in silence costs the timeout, and the replies before it arrive`() async throws {
        // So long that the replies before it arrive in time.
        try await withLine(timeout: .seconds(5)) { (line) async throws in
            line.proxy.add(FaultRule(Fault(.drop, isSilent: true), to: .containing("second")))
            let results = await line.far.send([
                .command("INCR", line.key), .command("ECHO", "second"), .command("INCR", line.key),
            ])
            #expect(try results[0].value().int == 1)
            for result in results.dropFirst() { #expect(throws: RedisError.self) { try result.value() } }
            #expect(try await line.stored() == 1)
        }
    }

    @Test func `a swallowed reply leaves a request executed and its neighbours as they were`() async throws {
        try await withLine { (line) async throws in
            line.proxy.add(FaultRule(Fault(.swallow), to: .containing("\(line.key)b")))
            let results = await line.far.send([
                .command("INCR", line.key), .command("INCR", "\(line.key)b"), .command("INCR", line.key),
            ])
            #expect(try results[0].value().int == 1)
            guard case .failure(let error) = results[1] else { throw NeverHappened.test("a fault") }
            #expect(error.outcome == .unknown)
            #expect(try await line.near.ask("GET", "\(line.key)b").int == 1)
            #expect(line.proxy.lostReplies == 1)
        }
    }

    @Test func `a swallowed reply in silence costs the timeout`() async throws {
        try await withLine(timeout: .seconds(1)) { (line) async throws in
            line.proxy.add(FaultRule(Fault(.swallow, isSilent: true), to: .command("INCR")))
            #expect(await line.fault("INCR", line.key)?.code == .timeout)
            try await eventually("it was executed") { try await line.stored() == 1 }
        }
    }

    @Test func `a delayed request arrives even when its sender has given up`() async throws {
        try await withLine(timeout: .seconds(1)) { (line) async throws in
            let pause = Duration.seconds(8)
            line.proxy.add(FaultRule(Fault(.delay, pause: pause), to: .command("INCR")))
            let start = ContinuousClock.now
            #expect(await line.fault("INCR", line.key)?.code == .timeout)
            let stored = try await line.stored()
            // Where the machine stood still meanwhile, it may have arrived.
            #expect(stored == 0 || ContinuousClock.now - start >= pause)
            try await eventually("it arrives") { try await line.stored() == 1 }
            #expect(line.proxy.counts == [.delay: 1])
        }
    }

    @Test func `a delayed request whose sender is patient is answered`() async throws {
        try await withLine { (line) async throws in
            line.proxy.add(FaultRule(Fault(.delay, pause: .milliseconds(50)), to: .command("INCR")))
            let start = ContinuousClock.now
            #expect(try await line.far.ask("INCR", line.key).int == 1)
            #expect(ContinuousClock.now - start >= .milliseconds(49))
            #expect(line.proxy.counts == [.delay: 1])
        }
    }

    @Test func `a duplicated request is executed twice, and every reply still meets its request`() async throws {
        try await withLine { (line) async throws in
            line.proxy.roll(FaultDice([.duplicate], rate: 1, seed: 1))
            var requests: [RedisRequest] = []
            for number in 0..<50 { requests += [.command("INCR", line.key), .command("ECHO", "\(number)")] }
            let results = await line.far.send(requests)
            for number in 0..<50 {
                #expect(try results[2 * number].value().int == 2 * number + 1)
                #expect(try results[2 * number + 1].value().string == "\(number)")
            }
            #expect(try await line.stored() == 100)
            #expect(line.proxy.counts[.duplicate] ?? 0 >= 100)
        }
    }

    @Test func `a half-open connection takes everything and answers nothing, until it is replaced`() async throws {
        // So long that the second request is answered in time.
        try await withLine(timeout: .seconds(5)) { (line) async throws in
            line.proxy.add(FaultRule(Fault(.halfOpen), to: .command("INCR")))
            #expect(await line.fault("INCR", line.key)?.code == .timeout)
            #expect(try await line.stored() == 0)
            #expect(try await line.far.ask("INCR", line.key).int == 1)
            #expect(line.proxy.counts == [.halfOpen: 1])
        }
    }

    @Test(arguments: [FaultKind.reset, .partial])
    func `a connection that breaks in the middle is replaced, and the request was executed`(
        _ kind: FaultKind
    ) async throws {
        try await withLine(on: .loopback) { (line) async throws in
            line.proxy.add(FaultRule(Fault(kind), to: .command("INCR")))
            #expect(await line.fault("INCR", line.key)?.outcome == .unknown)
            try await eventually("it was executed") { try await line.stored() == 1 }
            #expect(try await line.far.ask("INCR", line.key).int == 2)
            #expect(line.proxy.counts == [kind: 1])
        }
    }

    @Test func `a reply that arrives byte by byte is the same reply`() async throws {
        try await withLine { (line) async throws in
            line.proxy.add(FaultRule(Fault(.slow), to: .command("EVAL"), times: nil))
            let long = String(repeating: "y", count: 100_000)
            let start = ContinuousClock.now
            let reply = try await line.far.ask("EVAL", "return {1, ARGV[1], {'z'}}", "0", long)
            #expect(ContinuousClock.now - start > .milliseconds(40))
            #expect(reply.array?[1].string == long)
            #expect(try await line.far.ask("PING").string == "PONG")
        }
    }

    @Test func `rules apply as configured, and frozen bytes are delivered after the thaw`() async throws {
        try await withLine { (line) async throws in
            let isOn = Mutex(false)
            line.proxy.add(FaultRule(Fault(.drop), to: .command("INCR"), times: 2) { isOn.withLock { $0 } })
            #expect(try await line.far.ask("INCR", line.key).int == 1)
            isOn.withLock { $0 = true }
            #expect(await line.fault("INCR", line.key) != nil)
            #expect(await line.fault("INCR", line.key) != nil)
            #expect(try await line.far.ask("INCR", line.key).int == 2)
            line.proxy.freeze()
            async let late = line.far.ask("INCR", line.key)
            try await Task.sleep(for: .milliseconds(50))
            #expect(try await line.stored() == 2)
            line.proxy.thaw()
            #expect(try await late.int == 3)
        }
    }

    @Test func `the same seed gives the same faults, about as many as the rate says`() throws {
        let request = RESPRequest(ByteBuffer(string: "*1\r\n$4\r\nPING\r\n"))
        #expect(request.command == "PING")
        func faults(_ seed: UInt64) -> [Fault?] {
            var dice = FaultDice(FaultKind.allCases, rate: 0.1, seed: seed)
            return (0..<4000).map { _ in dice.fault(for: request) }
        }
        let first = faults(7)
        #expect(first == faults(7))
        #expect(first != faults(8))
        let happened = first.compactMap { $0 }
        #expect((320...480).contains(happened.count))
        #expect(Set(happened.map(\.kind)) == Set(FaultKind.allCases))
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `messages are split at their ends, however their bytes arrive`(_ size: Int) throws {
        let messages = [
            "+OK\r\n", "-ERR no\r\n", ":12\r\n", "$-1\r\n", "$0\r\n\r\n", "$5\r\na\r\nb\n\r\n", "*-1\r\n", "*0\r\n",
            "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n*0\r\n$-1\r\n", "%1\r\n+a\r\n:1\r\n", "_\r\n", "#t\r\n",
        ]
        var framer = RESPFramer()
        var found: [String] = []
        let bytes = Array(messages.joined().utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            framer.append(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
            while let message = try framer.next() { found.append(String(buffer: message)) }
        }
        #expect(found == messages)
    }

    @Test func `what is no RESP is refused`() {
        for text in ["GET / HTTP/1.1\r\n", "$x\r\n", "*1\r\n?\r\n"] {
            var framer = RESPFramer()
            framer.append(ByteBuffer(string: text))
            #expect(throws: RESPFramer.NotRESP.self) { try framer.next() }
        }
    }
}
