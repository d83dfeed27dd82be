// What listeners hear: each event once and in order, from where they were, and when they may have missed something.

import FoundationEssentials
import MartletJobs
import MartletRedis
import Synchronization
import TestSupport
import Testing

@testable import MartletQueue

@Suite(.needsCleanLine("what a call costs is counted")) struct EventTests {
    @Test func `everything that happens is told once, in the order in which it happened`() async throws {
        try await withStore { harness in
            var story = EventStory(harness)
            try await story.queue.create()
            let listener = try await harness.store.events()
            try await story.run()
            let events = try await listener.next(story.told.count)
            #expect(events.map(\.words) == story.told)
            #expect(events.map(\.mark) == events.map(\.mark).sorted() && Set(events.map(\.mark)).count == events.count)
            #expect(try await listener.isSilent())
            let retry = try #require(events.first { $0.kind == .retrying })
            #expect(retry.reason == "no luck" && retry.failures == 1)
            #expect(abs(try #require(retry.dueAt).timeIntervalSince(retry.time) - 60) < 1)
            #expect(events.first { $0.job?.description == "b" }?.type == "other type")
            #expect(events.first { $0.kind == .started }?.worker == "w")
            #expect(events.first { $0.kind == .progress }?.progress == JobProgress(completed: 1, total: 4))
            let pause = try #require(events.first { $0.kind == .queuePaused })
            #expect(pause.by == "me" && pause.reason == "a\nreason")
            #expect(events.last?.settings == ["limit"])
        }
    }

    @Test func `losses, due jobs and forgotten ones are told too`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.configure(QueueSettingsChange(lease: .milliseconds(50), failed: Retention.none))
            let listener = try await harness.store.events()
            let (lost, late) = (try makeID("lost"), try makeID("late"))
            _ = try await queue.enqueue([job(lost), job(late, delay: .milliseconds(100))])
            for _ in 1...3 {
                try await eventually("it is claimed") { try await !harness.claim(from: queue).isEmpty }
                try await eventually("its lease is over") {
                    _ = try await queue.sweep()
                    return try await queue.state(lost) != .active
                }
            }
            let events = try await listener.next(9)
            let ofLost = events.filter { $0.job == lost }.map(\.words)
            let first = ["pushed lost queued", "started lost active", "lost lost queued", "started lost active"]
            #expect(Array(ofLost.prefix(4)) == first, "\(events.map(\.words))")
            #expect(events.contains { $0.words == "due late queued" })
        }
    }

    /// Row of the promise that common jobs pay nothing: what a call costs Redis is the same as before there were events.
    @Test func `a call sends Redis no further command without a listener, and exactly one with one`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("events"))
        try await withStore(url: server.url) { harness in
            let plain = try await costs(EventStory(harness, queue: "plain"), harness)
            let heard = harness.queue("heard")
            try await heard.create()
            _ = try await heard.run(.configure, RedisArguments("listen", "600000", ""))
            let listened = try await costs(EventStory(harness, queue: "heard"), harness)
            #expect(plain.count == listened.count && plain.count > 20)
            for (step, pair) in zip(plain, listened).enumerated() {
                var expected = pair.0
                #expect(expected["xadd"] == nil)
                expected["xadd"] = 1
                #expect(pair.1 == expected, "step \(step)")
            }
            // As it was before: what is counted here must change for a reason.
            #expect(plain[0]["hmget"] == 1 && plain[0]["time"] == 1 && plain[0]["exists"] == 1)
            #expect(plain[0].filter { !["fcall", "evalsha"].contains($0.key) }.values.reduce(0, +) == 9, "\(plain[0])")
        }
        await server.stop()
    }

    private func milliseconds(_ harness: QueueHarness) async throws -> Int {
        let time = try await harness.command("TIME").array ?? []
        return (time.first?.int ?? 0) * 1000 + (time.last?.int ?? 0) / 1000
    }

    /// The commands of each call of a story that changes something.
    private func costs(_ story: EventStory, _ harness: QueueHarness) async throws -> [[String: Int]] {
        let queue = story.queue
        try await queue.create()
        // So long that a slow test renews no lease: that would cost more.
        try await queue.configure(QueueSettingsChange(lease: .seconds(900)))
        var costs: [[String: Int]] = []
        func measured(_ call: () async throws -> Void) async throws {
            // Calls of one ms cost more: each gets its own.
            let before = try await milliseconds(harness)
            try await eventually("the next ms") { try await milliseconds(harness) > before }
            _ = try await harness.command("CONFIG", "RESETSTAT")
            try await call()
            var counts: [String: Int] = [:]
            for (name, value) in try await harness.command("INFO", "commandstats").informationFields {
                let calls = value.split(separator: ",").first.flatMap { Int($0.dropFirst("calls=".count)) }
                let name = String(name.dropFirst("cmdstat_".count))
                if !["config|resetstat", "info", "ping", "blpop", "hello"].contains(name) { counts[name] = calls }
            }
            costs.append(counts)
        }
        let ids = try ["a", "b", "c", "d", "e"].map { try makeID("\($0)") }
        // Whatever is only known after the first call is not counted.
        _ = try await queue.enqueue(NewJob(id: try makeID("first"), type: "test", payload: []))
        // As the client sends it when it knows the queue's durability.
        for id in ids {
            try await measured {
                _ = try await queue.run(.enqueue, RedisArguments("each", "1", "test", "\(id)", "{}"))
            }
        }
        var jobs: [ClaimedJob] = []
        try await measured {
            jobs = try await queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 6)).jobs
        }
        jobs.removeFirst()
        #expect(jobs.map(\.id) == ids)
        let beat = Heartbeat(id: jobs[0].id, token: jobs[0].token, progress: JobProgress(completed: 1))
        try await measured { _ = try await queue.heartbeat(worker: "w", [beat]) }
        let outcomes: [Settlement.Outcome] = [
            .completed(output: nil), .failed(retryAfter: .seconds(60), error: "x"), .released(after: nil),
            .failedForGood(error: "x"), .crashed(retryAfter: .seconds(60), error: "x"),
        ]
        for (job, outcome) in zip(jobs, outcomes) {
            try await measured { _ = try await queue.settle(job, outcome) }
        }
        let verbs: [(ControlVerb, JobID)] = [
            (.pause, ids[1]), (.resume, ids[1]), (.run, ids[1]), (.priority(3), ids[1]), (.cancel, ids[1]),
            (.retry, ids[1]), (.cancel, ids[1]), (.delete, ids[1]),
        ]
        for (verb, id) in verbs { try await measured { _ = try await queue.control(verb, id) } }
        try await measured { try await queue.pause() }
        try await measured { try await queue.resume() }
        try await measured { try await queue.configure(QueueSettingsChange(limit: 9)) }
        return costs
    }

    @Test func `a listener that comes back hears what it missed, once`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let listener = try await harness.store.events()
            let ids = (0..<40).map { _ in JobID.generate() }
            // Several jobs of one call are one entry: a position lies between them.
            for start in stride(from: 0, to: 40, by: 10) {
                _ = try await queue.enqueue(ids[start..<start + 10].map { job($0) })
            }
            var heard: [JobID] = []
            var position = listener.position
            while heard.count < 15 {
                if case .events(let events) = try await listener.nextBatch() {
                    for (event, place) in events where heard.count < 15 {
                        if let id = event.job { heard.append(id) }
                        position = place
                    }
                }
            }
            let text = position.description
            let again = try await harness.store.events(from: .after(try #require(EventPosition(text))))
            heard += try await again.next(25).compactMap(\.job)
            #expect(heard == ids)
            let live = try await harness.store.events(from: .after(again.position))
            _ = try await queue.enqueue(job(try makeID("new")))
            #expect(try await live.next(1).map(\.words) == ["pushed new queued"])
            let all = try await harness.store.events(from: .after(.start))
            #expect(try await all.next(41).compactMap(\.job) == ids + [try makeID("new")])
        }
    }

    @Test func `a position whose events are no longer kept is told to be too old, and what follows is live`()
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let listener = try await harness.store.events()
            _ = try await queue.enqueue(job())
            _ = try await listener.next(1)
            let position = listener.position
            _ = try await queue.enqueue(job())
            _ = try await listener.next(1)
            try await harness.command("XTRIM", harness.key("events"), "MAXLEN", "=", "1")
            let late = try await harness.store.events(from: .after(position))
            guard case .reset = try await late.nextBatch() else { throw NeverHappened(description: "a reset") }
            _ = try await queue.enqueue(job(try makeID("next")))
            #expect(try await late.next(1).map(\.words) == ["pushed next queued"])
        }
    }

    @Test func `a time in which nobody listened is told to who listened before`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            var listener: EventSubscription? = try await harness.store.events()
            _ = try await queue.enqueue(job())
            _ = try await listener?.next(1)
            let position = try #require(listener?.position)
            listener = nil
            try await eventually("the reader has ended") {
                harness.store.listenerCount == 0 && harness.store.eventConnection.withLock { $0 == nil }
            }
            // The time of the last listener is over.
            try await harness.command("HSET", harness.key("meta"), "listen_until", "1", "plan", "")
            _ = try await queue.enqueue(job())
            let again = try await harness.store.events(from: .after(position))
            guard case .reset = try await again.nextBatch() else { throw NeverHappened(description: "a reset") }
        }
    }

    @Test func `filters by queue, type, job and kind hold, also for jobs that were pushed before`() async throws {
        try await withStore { harness in
            let (mail, other) = (harness.queue("mail"), harness.queue("other"))
            let early = NewJob(id: try makeID("early"), type: "letter", payload: [])
            _ = try await mail.enqueue(early)
            try await other.create()
            let jobs = try await mail.claim(ClaimRequest(worker: "w", number: 1, upTo: 1)).jobs
            let byQueue = try await harness.store.events(EventFilter(queues: { $0 == mail.name }))
            let byType = try await harness.store.events(EventFilter(types: ["letter"]))
            let byJob = try await harness.store.events(EventFilter(jobs: [try makeID("j2")]))
            let byKind = try await harness.store.events(EventFilter(kinds: [.completed, .queuePaused]))
            _ = try await mail.enqueue(NewJob(id: try makeID("j1"), type: "parcel", payload: []))
            _ = try await other.enqueue(NewJob(id: try makeID("j2"), type: "letter", payload: []))
            _ = try await mail.settle(jobs.map(\.completion))
            try await other.pause()
            #expect(try await byQueue.next(2).map(\.words) == ["pushed j1 queued", "completed early completed"])
            let ofType = try await byType.next(2)
            #expect(Set(ofType.map(\.words)) == ["pushed j2 queued", "completed early completed"])
            #expect(ofType.allSatisfy { $0.type == "letter" })
            #expect(try await byJob.next(1).map(\.words) == ["pushed j2 queued"])
            #expect(Set(try await byKind.next(2).map(\.words)) == ["completed early completed", "queue.paused"])
            for listener in [byQueue, byType, byJob, byKind] { #expect(try await listener.isSilent()) }
        }
    }

    @Test func `a queue that is created while somebody listens is heard from its first job on`() async throws {
        try await withStore { harness in
            let listener = try await harness.store.events()
            let queue = harness.queue("new")
            for number in 0..<3 { _ = try await queue.enqueue(job(try makeID("j\(number)"))) }
            #expect(
                try await listener.next(4).map(\.words) == [
                    "queue.created", "pushed j0 queued", "pushed j1 queued", "pushed j2 queued",
                ])
        }
    }

    @Test func `the end of a queue is told, and its stream goes by itself`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let listener = try await harness.store.events()
            #expect(try await queue.delete() == .deleted(finished: 0))
            #expect(try await listener.next(1).map(\.words) == ["queue.removed"])
            let keys = try await harness.command("KEYS", harness.prefix + ":{q}:*").array?.compactMap(\.string)
            #expect(keys == [harness.key("events")])
            let left = try #require(try await harness.command("PTTL", harness.key("events")).int)
            #expect((1...3_600_000).contains(left))
        }
    }

    @Test func `a key of another type in the place of the stream stops nothing`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            try await harness.command("SET", harness.key("events"), "x")
            _ = try await queue.run(.configure, RedisArguments("listen", "60000", ""))
            #expect(try await queue.enqueue(job()) == .created(.queued))
            #expect(try await harness.claim(from: queue).count == 1)
            #expect(await queue.foreignKeys().map(\.what) == ["is a string, not a stream"])
            #expect(try await !queue.audit().findings.isEmpty)
            try await harness.command("DEL", harness.key("events"))
        }
    }
}
