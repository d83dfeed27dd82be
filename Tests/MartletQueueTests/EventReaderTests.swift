// The one reader of a store's events: its listeners, its connection, and what a restart of Redis does to them.

import FoundationEssentials
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite(.serialized, .needsCleanLine("the servers are its own")) struct EventReaderTests {
    /// The connections of a server that read events.
    private func readers(_ harness: QueueHarness) async throws -> Int {
        let list = try await harness.command("CLIENT", "LIST").string ?? ""
        return list.split(separator: "\n").count { $0.contains("name=martlet-events") }
    }

    @Test func `all listeners share one connection, which ends with the last of them`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("events"))
        try await withStore(url: server.url) { harness in
            try await harness.queue().create()
            #expect(try await readers(harness) == 0)
            var listeners: [EventSubscription] = []
            for _ in 0..<50 { listeners.append(try await harness.store.events()) }
            #expect(try await readers(harness) == 1)
            _ = try await harness.queue().enqueue(job(try makeID("j")))
            for listener in listeners { #expect(try await listener.next(1).map(\.words) == ["pushed j queued"]) }
            listeners.removeLast(49)
            #expect(harness.store.listenerCount == 1)
            listeners = []
            #expect(harness.store.listenerCount == 0)
            try await eventually("the connection is closed") { try await readers(harness) == 0 }
            // And it comes again.
            let late = try await harness.store.events()
            _ = try await harness.queue().enqueue(job(try makeID("k")))
            #expect(try await late.next(1).map(\.words) == ["pushed k queued"])
        }
        await server.stop()
    }

    @Test func `a listener that does not listen is cut off with a bound on what waits for it, and others hear all`()
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let slow = try await harness.store.events()
            let good = try await harness.store.events()
            // In portions, so that the good one keeps up however slow the machine is.
            for _ in 0..<6 {
                for _ in 0..<100 { _ = try await queue.enqueue(job()) }
                #expect(try await good.next(100).count == 100)
            }
            guard case .overflow = try await slow.nextBatch() else { throw NeverHappened(description: "an overflow") }
            #expect(slow.isOverrun && slow.dropped > 256)
            // It may go on where it was.
            let again = try await harness.store.events(from: .after(slow.position))
            #expect(try await again.next(600, within: .seconds(60)).count == 600)
        }
    }

    @Test func `a restart of Redis that keeps its data loses no event, and one that does not is told`() async throws {
        let options = ["--appendonly", "yes", "--appendfsync", "always"]
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("events"), options: options)
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            try await queue.create()
            let listener = try await harness.store.events()
            _ = try await queue.enqueue(job(try makeID("a")))
            #expect(try await listener.next(1).map(\.words) == ["pushed a queued"])
            server.kill()
            try await server.restart()
            try await eventually("a push goes through") {
                (try? await queue.enqueue(job(try makeID("b")))) != nil
            }
            #expect(try await listener.next(1).map(\.words) == ["pushed b queued"])
            // What was read last is no longer there.
            try await harness.command("DEL", harness.key("events"))
            server.kill()
            try await server.restart()
            guard case .reset = try await listener.nextBatch() else {
                throw NeverHappened(description: "a reset")
            }
            try await eventually("a push goes through") {
                (try? await queue.enqueue(job(try makeID("c")))) != nil
            }
            #expect(try await listener.next(1).map(\.words) == ["pushed c queued"])
        }
        await server.stop()
    }

    @Test func `without Redis a listener is refused at once, and may come again`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("events"))
        try await withStore(url: server.url) { harness in
            try await harness.queue().create()
            server.kill()
            await #expect(throws: QueueError.self) { try await harness.store.events() }
            #expect(harness.store.listenerCount == 0)
            try await server.restart()
            try await eventually("it is heard again", { (try? await harness.store.events()) != nil })
        }
        await server.stop()
    }
}

/// The positions of listeners, as values.
@Suite struct EventPositionTests {
    private func entry(_ queue: QueueName, _ id: String) throws -> EventEntry {
        try #require(EventEntry(.array([.bytes(Array(id.utf8)), .array([])]), of: queue))
    }

    @Test func `the text of a position says all of it, and other texts are none`() throws {
        let (a, b) = (try #require(QueueName("a")), try #require(QueueName("b-1.c")))
        let marks = [a: EventMark(milliseconds: 5, sequence: 1, index: 3), b: try #require(EventMark(entry: "7-0"))]
        let position = EventPosition(floor: 4, marks: marks)
        #expect(position.description == "4~a:5-1.3~b-1.c:7-0")
        #expect(EventPosition(position.description) == position)
        #expect(EventPosition("0") == .start)
        let bad = [
            "", "x", "-1", "4~", "4~a", "4~a:5", "4~a:5-1.x", "4~A:5-1", "4~a:5-1.-1", "4 ", "99999999999999999999",
        ]
        for text in bad { #expect(EventPosition(text) == nil, "\(text)") }
    }

    @Test func `what all queues did is one number, and only what came since has marks`() throws {
        let (a, b) = (try #require(QueueName("a")), try #require(QueueName("b")))
        var follower = EventFollower()
        follower.polled([a, b], at: 1000) { _ in true }
        #expect(follower.unknown == [a, b])
        for name in [a, b] {
            #expect(!follower.listened(name, last: try #require(EventMark(entry: "900-0")), isWhole: true))
        }
        #expect(follower.position == EventPosition(floor: 999))
        #expect(follower.read(try entry(a, "1500-0")) == EventPosition(floor: 999))
        #expect(follower.position.marks == [a: try #require(EventMark(entry: "1500-0"))])
        follower.polled([a, b], at: 2000) { _ in true }
        follower.roundEnded(isWhole: false)
        #expect(follower.position.floor == 999, "something was left to read")
        follower.roundEnded(isWhole: true)
        #expect(follower.position == EventPosition(floor: 1999))
        // The clock went back: what was read of the others is told again.
        _ = follower.read(try entry(b, "1800-0"))
        #expect(follower.position.floor == 1799 && follower.position.marks[b] != nil)
    }

    @Test func `a new queue is read from when it was not there yet, and a gone one for a while`() throws {
        let (a, b) = (try #require(QueueName("a")), try #require(QueueName("b")))
        var follower = EventFollower()
        follower.polled([a], at: 1000) { _ in true }
        _ = follower.listened(a, last: try #require(EventMark(entry: "900-0")), isWhole: true)
        follower.polled([a, b], at: 2000) { _ in true }
        #expect(follower.marks[b]?.milliseconds == 999 && follower.held(b) == nil && follower.held(a) == "900-0")
        #expect(!follower.listened(b, last: try #require(EventMark(entry: "1500-0")), isWhole: true))
        #expect(follower.marks[b]?.milliseconds == 999, "its first entries are not read yet")
        _ = follower.read(try entry(b, "1500-0"))
        #expect(follower.held(b) == "1500-0")
        #expect(
            follower.listened(b, last: try #require(EventMark(entry: "3000-0")), isWhole: false), "something is missing"
        )
        for poll in 1...3 {
            follower.polled([a], at: 2000 + UInt64(poll)) { _ in true }
            #expect(follower.queues == (poll < 3 ? [a, b] : [a]))
        }
    }
}
