// The look at a Redis that has come back: what was answered and is not there any more shows before anything is pushed.

import MartletJobs
import MartletRedis
import Synchronization
import TestSupport
import Testing

@testable import MartletQueue

@Suite(.serialized, .needsCleanLine("the servers are its own")) struct StoreLookTests {
    @Test func `a loss is detected though more pushes were waiting than were lost`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("look"))
        // The pushes wait for the restart, however long it takes.
        try await withStore(url: server.url, commandTimeout: .seconds(30)) { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<40).map { _ in job() })
            try await ask(server, "SAVE")
            server.kill()
            try await eventually("it is gone") { !server.isRunning && !harness.store.isConnected }
            // Made before the answer that follows is heard, as it happens where there is more work than time.
            let waiting = (0..<3).map { _ in Task { try await queue.enqueue(job()) } }
            try await eventually("two are on their way") { queue.calls.pushes.waitingCount == 1 }
            queue.calls.note(created: 41, born: 1, after: queue.calls.reached)
            try await server.restart()
            for push in waiting { #expect(try await push.value == .created(.queued)) }
            let marks = harness.store.takePushMarks(harness.store.acknowledgedPushes())
            #expect(marks["q"]?.missing == 1)
            #expect(marks["q"]?.acknowledged == 43)
        }
        await server.stop()
    }

    @Test func `a reconnect under load reports no false loss`() async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("look"), options: ["--appendonly", "yes"])
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            let load = (0..<16).map { number in
                Task {
                    while !Task.isCancelled {
                        // Both connections: the second look comes while the first one's answers go on.
                        if number == 0 {
                            _ = try? await queue.enqueue(job(), durability: .fsync)
                        } else {
                            _ = try? await queue.enqueue(job())
                        }
                    }
                }
            }
            for round in 1...6 {
                let goal = (harness.store.acknowledgedPushes()["q"] ?? 0) + 100
                try await eventually("100 more are pushed") {
                    (harness.store.acknowledgedPushes()["q"] ?? 0) >= goal
                }
                for name in ["martlet", "martlet-durable"] where round.isMultiple(of: 2) || name != "martlet" {
                    try await harness.disconnect(name)
                }
            }
            for task in load { task.cancel() }
            for task in load { await task.value }
            // The last disconnect may still be on its way to this process.
            try await eventually("it answers again") { (try? await harness.store.queueNames()) == [queue.name] }
            let marks = try #require(harness.store.takePushMarks(harness.store.acknowledgedPushes())["q"])
            #expect(marks.missing == 0)
            #expect(marks.acknowledged >= 600)
        }
        await server.stop()
    }

    private func text(_ text: String) -> RedisValue { .bytes(Array(text.utf8)) }

    @Test func `a loss is reported by a primary only, and once`() throws {
        let known = KnownQueues()
        let name = try #require(QueueName("q"))
        let calls = known.calls(name) {
            QueueCalls(QueueKeys(prefix: "p", queue: name), connection: nil)
        }
        #expect(known.initialRequests() == nil, "nothing was answered yet")
        calls.note(created: 50, born: 50, after: calls.reached)
        let looks = try (0..<2).map { _ in try #require(known.initialRequests()) }
        #expect(looks[0].requests == [.command("HELLO", "2"), .command("HGET", "p:{q}:meta", "created")])
        func hello(_ role: String) -> RedisValue {
            .array([text("mode"), text("standalone"), text("role"), text(role)])
        }
        for first: RedisValue in [hello("replica"), .error("ERR unknown command"), .array([text("role")]), .null] {
            looks[0].take([first, text("40")])
            #expect(calls.missing.load(ordering: .relaxed) == 0)
        }
        looks[0].take([hello("master")])
        looks[0].take([hello("master"), .error("NOPERM")])
        looks[0].take([hello("master"), text("50")])
        #expect(calls.missing.load(ordering: .relaxed) == 0)
        looks[0].take([hello("master"), text("40")])
        // The other connection asked before the loss was known.
        looks[1].take([hello("master"), text("41")])
        #expect(calls.missing.load(ordering: .relaxed) == 10)
        #expect(calls.acknowledged.load(ordering: .relaxed) == 40)
        try #require(known.initialRequests()).take([hello("master"), .null])
        #expect(calls.missing.load(ordering: .relaxed) == 40, "a queue that is not there has no jobs")
    }
}

extension QueueHarness {
    /// Ends the server's connections with this name.
    fileprivate func disconnect(_ name: String) async throws {
        let list = try await command("CLIENT", "LIST").string ?? ""
        for line in list.split(whereSeparator: \.isNewline) where line.contains(" name=\(name) ") {
            guard let id = line.split(separator: " ").first?.dropFirst(3) else { continue }
            // The harness' own connection has the same name.
            if try await command("CLIENT", "ID").int != Int(id) {
                try await command("CLIENT", "KILL", "ID", String(id))
            }
        }
    }
}
