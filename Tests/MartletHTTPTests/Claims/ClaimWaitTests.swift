// Claims that wait: who is woken, and what a caller leaves behind that goes away.

import Foundation
import MartletHTTP
import MartletQueue
import MartletRedis
import NIOCore
import Synchronization
import TestSupport
import Testing

@Suite struct ClaimWaitTests {
    @Test func `a waiting claim gets a job as soon as it is pushed`() async throws {
        try await withServerAlone { server in
            async let answer = server.ask(#","wait_seconds":30"#)
            try await eventually("the claim waits") { try await server.waiters() == 1 }
            let start = ContinuousClock.now
            try await server.push("a")
            let claims = try await answer.claims
            #expect(claims.map(\.id) == ["a"])
            #expect(ContinuousClock.now - start < .seconds(25))
        }
    }

    @Test func `a claim that nothing comes for ends with its time`() async throws {
        try await withServerAlone { server in
            let start = ContinuousClock.now
            let answer = try await server.ask(#","wait_seconds":0.3"#)
            #expect(answer.status == 204)
            #expect(ContinuousClock.now - start >= .milliseconds(300))
        }
    }

    @Test func `one wait at Redis serves many callers, and each job goes to one of them`() async throws {
        try await withServerAlone { server in
            let ids = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<6 {
                    group.addTask { try await server.ask(#","wait_seconds":30"#).claims.map(\.id) }
                }
                try await eventually("they wait") { try await server.waiters() == 1 }
                for number in 0..<6 { try await server.push("j\(number)") }
                return try await group.reduce(into: [String]()) { $0 += $1 }
            }
            #expect(ids.sorted() == (0..<6).map { "j\($0)" })
        }
    }

    @Test func `a claim that waits for several queues gets what comes first to any, and a delayed job when it is due`()
        async throws
    {
        try await withServerAlone { server in
            async let first = server.ask(#","wait_seconds":30"#, queues: #"["a","b"]"#)
            try await eventually("it waits") { try await server.waiters() == 1 }
            try await server.push("b1", queue: "b")
            #expect(try await first.claims.map(\.id) == ["b1"])
            try await server.push("a1", #","delay_seconds":0.4"#, queue: "a")
            let second = try await server.ask(#","wait_seconds":30"#, queues: #"["b","a"]"#)
            #expect(second.claims.map(\.id) == ["a1"])
        }
    }

    @Test func `a paused queue's waiting claim gets its job when the queue is resumed`() async throws {
        try await withServerAlone { server in
            try await server.push("a")
            try await server.harness.queue().pause()
            async let answer = server.ask(#","wait_seconds":30"#)
            try await eventually("it waits") { try await server.waiters() == 1 }
            try await server.harness.queue().resume()
            #expect(try await answer.claims.map(\.id) == ["a"])
        }
    }

    @Test func `a caller that hangs up while it waits takes nothing`() async throws {
        try await withServerAlone(settings: { $0.maxWaitsPerCaller = 1 }) { server in
            let connection = try await HeldConnection(port: server.port)
            try await connection.send(claimRequest(#"{"queues":["q"],"wait_seconds":30}"#))
            try await eventually("the claim waits") { try await server.waiters() == 1 }
            try await connection.close()
            // Between two looks nobody waits at Redis either, but the place is taken until the wait is over.
            try await eventually("its place is free") {
                try await server.ask(#","wait_seconds":0.1"#).status == 204
            }
            try await server.push("a")
            let claim = try await server.take()[0]
            #expect(claim.id == "a" && claim.int("claims") == 1, "it was never claimed for the one that has gone")
        }
    }

    @Test func `a job whose answer cannot be written goes back at once, without charging an attempt`() async throws {
        let redis = try await ownRedis("unwritten")
        try await withServer(url: redis.url, commandTimeout: .seconds(60)) { server in
            try await server.push("a")
            // Redis answers the claim only when its caller has gone.
            redis.pause()
            let connection = try await HeldConnection(port: server.port)
            try await connection.send(claimRequest(#"{"queues":["q"]}"#))
            try await eventually("the claim is under way") { server.pendingCommands > 0 }
            try await connection.close()
            // Connections are spread over the event loops of the server. Each loop answers these after it has seen that the
            // caller has gone.
            for _ in 0..<(4 * System.coreCount) {
                let next = try await HeldConnection(port: server.port)
                try await next.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                try await eventually("it is answered") { next.received.contains("200 OK") }
            }
            redis.unpause()
            try await eventually("the job was claimed and is back") {
                let job = try await server.job("a")
                return job["state"] == "queued" && job.int("claims") == 1
            }
            let job = try await server.job("a")
            #expect(job.int("failures") == 0 && job.int("lost") == 0)
        }
        await redis.stop()
    }

    @Test func `waiting claims have the limits of other waits`() async throws {
        try await withServerAlone(settings: { $0.maxWaitsPerCaller = 1 }) { server in
            async let first = server.ask(#","wait_seconds":30"#)
            try await eventually("it waits") { try await server.waiters() == 1 }
            let second = try await server.ask(#","wait_seconds":30"#)
            #expect(second.status == 429 && second["code"] == "too-many-waits")
            #expect(try await server.ask().status == 204, "one that does not wait needs no place")
            try await server.push("a")
            #expect(try await first.claims.map(\.id) == ["a"])
        }
    }

    @Test func `a shutdown ends a waiting claim with 204`() async throws {
        let held = Mutex<HeldConnection?>(nil)
        let clock = ContinuousClock()
        let start = Mutex(clock.now)
        try await withServerAlone { server in
            let connection = try await HeldConnection(port: server.port)
            held.withLock { $0 = connection }
            try await connection.send(claimRequest(#"{"queues":["q"],"wait_seconds":30}"#))
            try await eventually("the claim waits") { try await server.waiters() == 1 }
            start.withLock { $0 = clock.now }
        }
        #expect(clock.now - start.withLock { $0 } < .seconds(20))
        let connection = try #require(held.withLock { $0 })
        // The client may read it after the server has ended.
        try await eventually("the connection ends") { !connection.isOpen }
        #expect(connection.received.hasPrefix("HTTP/1.1 204"))
    }
}

extension TestServer {
    /// How many connections of its Redis block: the server's one, while anybody waits.
    func waiters() async throws -> Int {
        let lines = try await harness.command("CLIENT", "LIST").string ?? ""
        return lines.split(separator: "\n").count { $0.contains("cmd=blpop") && $0.contains("flags=b") }
    }
}

/// Runs a test against a server whose Redis nobody else uses.
private func withServerAlone(
    settings change: @Sendable (inout ServerSettings) -> Void = { _ in },
    _ body: @concurrent @Sendable (TestServer) async throws -> Void
) async throws {
    let redis = try await ownRedis("alone")
    try await withServer(url: redis.url, commandTimeout: patience, settings: change, body)
    await redis.stop()
}
