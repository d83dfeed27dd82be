// GET /api/v1/events: its form, its filters, where it goes on, who may listen, and how it ends.

import Foundation
import MartletJobs
import MartletRedis
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import MartletHTTP
@testable import MartletQueue

@Suite struct EventTests {
    private static func push(_ server: TestServer, _ id: String, queue: String = "q", type: String = "t") async throws {
        let answer = try await server.post(
            "/api/v1/jobs", "{\"type\":\"\(type)\",\"queue\":\"\(queue)\",\"id\":\"\(id)\"}")
        try #require(answer.status == 201, "\(answer.text)")
    }

    @Test func `a listener gets CloudEvents as they happen`() async throws {
        try await withServer { server in
            try await server.harness.queue().create()
            let listener = try await EventListener(server)
            let head = listener.head.lowercased()
            #expect(head.hasPrefix("http/1.1 200 ok") && head.contains("content-type: text/event-stream"))
            #expect(head.contains("x-accel-buffering: no") && head.contains("cache-control: no-store"))
            let first = try #require(listener.all.first)
            #expect(first.id != nil && first.data == nil, "the place to go on from is known before anything happens")
            try await Self.push(server, "j")
            let job = try #require(try await server.claim(1, from: server.harness.queue()).first)
            try await server.settle(
                job, .failed(retryAfter: .seconds(60), error: "no\nluck"), in: server.harness.queue())
            let messages = try await listener.wait(for: 3)
            #expect(messages.map(\.words) == ["pushed j queued", "started j active", "retrying j retrying"])
            let last = messages[2]
            #expect(last.event == "dev.martlet.job.retrying" && last.json["specversion"] as? String == "1.0")
            #expect(last.json["type"] as? String == last.event && last.json["subject"] as? String == "j")
            #expect(last.json["source"] as? String == "/api/v1/queues/q" && last.json["id"] is String)
            #expect((last.json["time"] as? String)?.hasSuffix("Z") == true)
            #expect(last.inner["reason"] as? String == "no\nluck" && last.inner["due_at"] is String)
            #expect(last.inner["failures"] as? Int == 1 && messages[0].inner["type"] as? String == "t")
            #expect(Set(messages.compactMap(\.id)).count == 3)
        }
    }

    @Test func `a browser that connects again goes on behind the last event that it got`() async throws {
        try await withServer { server in
            try await server.harness.queue().create()
            let first = try await EventListener(server)
            try await Self.push(server, "a")
            try await Self.push(server, "b")
            let id = try #require(try await first.wait(for: 2)[0].id)
            try await first.connection.close()
            try await Self.push(server, "c")
            let again = try await EventListener(server, headers: ["Last-Event-ID: \(id)"])
            #expect(try await again.wait(for: 2).map(\.words) == ["pushed b queued", "pushed c queued"])
            try await Self.push(server, "d")
            #expect(try await again.wait(for: 3).last?.words == "pushed d queued")
            let since = try await EventListener(server, "?since=\(id)")
            #expect(try await since.wait(for: 3).map(\.words) == again.messages.map(\.words))
            let recorded = try await server.get("/api/v1/events?since=0&follow=false")
            #expect(recorded.status == 200)
            #expect(
                recorded.text.components(separatedBy: "event: dev.martlet.job.pushed").count == 5, "all, and an end")
        }
    }

    @Test func `a place that is too old is answered with a reset, and the stream goes on from now`() async throws {
        try await withServer { server in
            try await server.harness.queue().create()
            let first = try await EventListener(server)
            try await Self.push(server, "a")
            let id = try #require(try await first.wait(for: 1)[0].id)
            try await Self.push(server, "b")
            try await first.wait(for: 2)
            try await server.harness.command("XTRIM", server.harness.key("events"), "MAXLEN", "=", "1")
            let late = try await EventListener(server, headers: ["Last-Event-ID: \(id)"])
            let reset = try await late.wait(for: 1)[0]
            #expect(reset.event == "reset" && reset.id != id)
            try await Self.push(server, "c")
            #expect(try await late.wait(for: 2)[1].words == "pushed c queued")
        }
    }

    @Test func `filters hold, and what is no filter is refused`() async throws {
        try await withServer { server in
            for name in ["q", "mail", "mail-eu"] { try await server.harness.queue(name).create() }
            let byQueue = try await EventListener(server, "?queue=mail*,none")
            let byJob = try await EventListener(server, "?job=b,c&kinds=pushed")
            let byType = try await EventListener(server, "?type=letter")
            try await Self.push(server, "a", type: "letter")
            try await Self.push(server, "b", queue: "mail")
            try await Self.push(server, "c", queue: "mail-eu")
            #expect(Set(try await byQueue.wait(for: 2).map(\.words)) == ["pushed b queued", "pushed c queued"])
            #expect(Set(try await byJob.wait(for: 2).map(\.words)) == ["pushed b queued", "pushed c queued"])
            #expect(try await byType.wait(for: 1).map(\.words) == ["pushed a queued"])
            for query in ["queue=A", "job=%20", "kinds=nothing", "since=yesterday", "follow=maybe", "x=1"] {
                let answer = try await server.get("/api/v1/events?\(query)")
                #expect(answer.status == 422 && answer.pointers.count == 1, "\(query): \(answer.text)")
            }
            let bad = try await server.get("/api/v1/events", headers: [("Last-Event-ID", "x y")])
            #expect(bad.status == 422, "\(bad.text)")
            #expect(byQueue.messages.count == 2 && byJob.messages.count == 2 && byType.messages.count == 1)
        }
    }

    @Test func `a token hears of its own queues alone, and its place names no others`() async throws {
        let (mail, producer) = (try newToken("m", [.read], "mail*"), try newToken("p", [.produce]))
        try await withServer(tokens: "\(mail.line)\n\(producer.line)") { server in
            for name in ["secret", "mail"] { try await server.harness.queue(name).create() }
            let caller = server.with(token: mail.secret)
            #expect(try await caller.get("/api/v1/events?queue=secret").status == 403)
            #expect(try await server.with(token: producer.secret).get("/api/v1/events").status == 403)
            #expect(try await server.get("/api/v1/events").status == 401)
            let listener = try await EventListener(caller, "?queue=*")
            for name in ["secret", "mail", "secret"] {
                _ = try await server.harness.queue(name).enqueue(NewJob(type: "t", payload: []))
            }
            // A queue that matches and is made while it listens.
            _ = try await server.harness.queue("mail-new").enqueue(NewJob(type: "t", payload: []))
            let messages = try await listener.wait(for: 3)
            #expect(messages.count == 3)
            #expect(!listener.connection.received.contains("secret"))
        }
    }

    @Test func `a quiet stream gives signs of life with the place to go on from`() async throws {
        try await withServer(settings: { $0.streamPause = .milliseconds(300) }) { server in
            try await server.harness.queue().create()
            let listener = try await EventListener(server)
            try await eventually("two signs") { listener.all.count { $0.isComment } >= 2 }
            let sign = try #require(listener.all.last { $0.isComment })
            try await Self.push(server, "j")
            let again = try await EventListener(server, "?since=\(try #require(sign.id))")
            #expect(try await again.wait(for: 1).map(\.words) == ["pushed j queued"])
        }
    }

    @Test func `two hundred clients hear everything, and nothing of them is left when they have gone`() async throws {
        try await withServer { server in
            try await server.harness.queue().create()
            var listeners: [EventListener] = []
            for _ in 0..<200 { listeners.append(try await EventListener(server)) }
            for number in 0..<5 { try await Self.push(server, "j\(number)") }
            for listener in listeners {
                #expect(
                    try await listener.wait(for: 5, within: .seconds(60)).map(\.words)
                        == (0..<5).map { "pushed j\($0) queued" })
            }
            #expect(server.store.listenerCount == 200)
            for listener in listeners { try await listener.connection.close() }
            try await eventually("nobody listens") { server.store.listenerCount == 0 }
        }
    }

    @Test func `a caller has so many streams, and each gives its place back`() async throws {
        try await withServer(settings: { $0.maxStreamsPerCaller = 2 }) { server in
            let held = [try await EventListener(server), try await EventListener(server)]
            let answer = try await server.get("/api/v1/events")
            #expect(answer.status == 429 && answer["code"] == "too-many-streams")
            #expect(try await server.send(.HEAD, "/api/v1/events").status == 200)
            try await held[0].connection.close()
            try await eventually("its place is free") {
                (try? await server.get("/api/v1/events?since=0&follow=false"))?.status == 200
            }
        }
    }

    @Test func `a shutdown ends the streams of events at once`() async throws {
        let clock = ContinuousClock()
        let start = Mutex(clock.now)
        try await withServer { server in
            for _ in 0..<10 { _ = try await EventListener(server) }
            start.withLock { $0 = clock.now }
        }
        #expect(clock.now - start.withLock { $0 } < .seconds(30), "with the audit of the store behind it")
    }

    @Test func `without Redis there is no stream, and a problem says so`() async throws {
        let redis = try await ownRedis("events")
        // Long enough for a reply before and after on a busy machine.
        try await withServer(url: redis.url, commandTimeout: .seconds(5)) { server in
            try await server.harness.queue().create()
            redis.pause()
            let answer = try await server.get("/api/v1/events")
            #expect(answer.status == 503 && answer["outcome"] == "not-executed", "\(answer.text)")
            redis.unpause()
        }
        await redis.stop()
    }
}

/// Progress that comes too fast, as values.
@Suite struct ProgressConflationTests {
    @Test func `a job's progress is sent four times a second at most, and the last of it always`() throws {
        var conflation = ProgressConflation()
        let start = ContinuousClock.now
        func event(_ kind: QueueEvent.Kind, _ number: Int) throws -> ProgressConflation.Placed {
            let mark = "1-\(number).0"
            let position = try #require(EventPosition("0~q:\(mark)"))
            let queue = try #require(QueueName("q"))
            let sample = QueueEvent(
                kind: kind, queue: queue, job: JobID("j"), time: .now, mark: try #require(EventMark(mark)))
            return (sample, position)
        }
        #expect(conflation.take([try event(.progress, 1)], now: start).count == 1)
        #expect(conflation.take([try event(.progress, 2), try event(.progress, 3)], now: start).isEmpty)
        #expect(conflation.dropped == 1 && conflation.due == start + .milliseconds(250))
        #expect(conflation.ripe(now: start + .milliseconds(200)).isEmpty)
        #expect(conflation.ripe(now: start + .milliseconds(250)).map(\.mark.sequence) == [3])
        let soon = start + .milliseconds(300)
        #expect(conflation.take([try event(.progress, 4)], now: soon).isEmpty)
        #expect(conflation.take([try event(.completed, 5)], now: soon).map(\.event.kind) == [.completed])
        #expect(conflation.dropped == 2 && conflation.due == nil, "progress before the end is of no use behind it")
    }
}
