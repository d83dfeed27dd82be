// The store: pause of all, settings, listings, the audit, errors, typed jobs.

import Foundation
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct StoreTests {
    @Test func `pausing all queues includes new ones, and resuming ends it for all`() async throws {
        try await withStore { harness in
            let (old, new) = (harness.queue("old"), harness.queue("new"))
            _ = try await old.enqueue(job())
            try await harness.store.pauseAll(reason: "r", by: "me")
            _ = try await new.enqueue(job())
            for queue in [old, new] {
                #expect(try await harness.claim(from: queue).isEmpty)
                #expect(try await queue.status()?.isPaused == true)
            }
            #expect(try await harness.store.globalPause()?.reason == "r")
            try await old.pause()
            try await harness.store.resumeAll()
            #expect(try await harness.claim(from: new).count == 1)
            #expect(try await harness.claim(from: old).isEmpty, "what was paused by itself stays so")
            try await old.resume()
            #expect(try await harness.claim(from: old).count == 1)
        }
    }

    @Test func `a late writer of the global flag changes nothing, and a repair applies what was missed`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            try await harness.store.pauseAll()
            try await harness.store.resumeAll()
            try await GlobalFlag(paused: true, version: 1, reason: "", by: "").apply(to: queue)
            #expect(try await queue.status()?.pausedAll == nil)
            try await harness.command("HSET", harness.key("meta"), "paused_all", "1")
            try await harness.store.repairGlobalPause()
            #expect(try await queue.status()?.pausedAll == nil)
        }
    }

    @Test func `settings are checked and kept, the environment's only when they change`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.applyEnvironment(QueueSettingsChange(limit: 3, lease: .seconds(30)))
            #expect(try await queue.status()?.settings.limit == 3)
            try await queue.configure(QueueSettingsChange(limit: 6))
            try await queue.applyEnvironment(QueueSettingsChange(limit: 3, lease: .seconds(30)))
            #expect(try await queue.status()?.settings.limit == 6, "what was set at run time stays")
            try await queue.applyEnvironment(QueueSettingsChange(limit: 4))
            #expect(try await queue.status()?.settings.limit == 4)
            let retention = Retention(age: .seconds(5), count: 7)
            try await queue.configure(QueueSettingsChange(failed: retention, cancelled: Retention.none))
            #expect(try await queue.status()?.settings.failed == retention)
            #expect(try await queue.status()?.settings.cancelled == Retention.none)
            await #expect {
                try await queue.configure(QueueSettingsChange(limit: 9, lease: .milliseconds(49)))
            } throws: {
                ($0 as? QueueError)?.kind == .refused(.badSetting("lease"))
            }
            #expect(try await queue.status()?.settings.limit == 4, "a bad one changes nothing")
        }
    }

    @Test func `the status counts all, and the oldest wait spans priorities`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            #expect(try await queue.status() == nil)
            _ = try await queue.enqueue(job(priority: -5))
            try await harness.setClock(.seconds(100))
            _ = try await queue.enqueue([job(priority: 5), job(delay: .seconds(9))])
            let status = try #require(try await queue.status())
            #expect(status.oldestWait >= .seconds(100))
            #expect(try #require(status.nextDue) <= .seconds(9))
            #expect(status.total == 3)
            #expect(status.ledgerDifference == 0)
            #expect(status.clockIsMoved)
        }
    }

    @Test func `a listing goes active, queued, delayed, paused, then final newest first, page by page`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<30).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            let claimed = try await harness.claim(10, from: queue)
            for (index, job) in claimed.prefix(6).enumerated() {
                try await harness.setClock(.seconds(index))
                _ = try await queue.settle(job, index % 2 == 0 ? .completed(output: nil) : .failedForGood(error: "x"))
            }
            let delayed = job(delay: .seconds(100))
            _ = try await queue.enqueue(delayed)
            _ = try await queue.control(.pause, jobs[29].id)
            let expected =
                claimed.suffix(4).map(\.id) + jobs[10..<29].map(\.id) + [delayed.id, jobs[29].id]
                + claimed.prefix(6).reversed().map(\.id)
            for limit in [1, 3, 7, 200] {
                var seen: [JobID] = []
                var cursor: JobCursor?
                repeat {
                    let page = try await queue.list(after: cursor, limit: limit)
                    #expect(page.jobs.count <= limit)
                    seen += page.jobs.map(\.id)
                    cursor = page.next.flatMap { JobCursor($0.description) }
                } while cursor != nil
                #expect(seen == expected, "in pages of \(limit)")
            }
            let failed = try await queue.list(states: [.failed, .scheduled], limit: 50)
            #expect(failed.jobs.map(\.state) == [.scheduled, .failed, .failed, .failed])
            #expect(try await queue.list(type: "other").jobs.isEmpty)
        }
    }

    @Test func `a cursor stays valid after its job has left`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<6).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            let first = try await queue.list(limit: 3)
            _ = try await queue.control(.cancel, jobs[2].id)
            let second = try await queue.list(states: [.queued], after: first.next, limit: 10)
            #expect(second.jobs.map(\.id) == jobs.suffix(3).map(\.id))
        }
    }

    @Test(arguments: ["", "x", "queued~1", "queued~x~id", "queued~1~ü"])
    func `a broken cursor is refused`(_ text: String) { #expect(JobCursor(text) == nil) }

    @Test(.needsCleanLine("it breaks its store, and cut short it could not mend it"))
    func `the audit finds what is wrong`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<6).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            _ = try await harness.claim(from: queue)
            #expect(try await queue.audit().isClean)
            try await harness.command("HSET", harness.key("job:\(jobs[0].id)"), "u", "hidden")
            try await harness.command("HSET", harness.key("unique"), "hidden", jobs[0].id.description)
            try await harness.command("ZADD", harness.key("failed"), "1", jobs[1].id.description)
            try await harness.command("ZREM", harness.key("queued"), jobs[2].id.description)
            try await harness.command("ZADD", harness.key("queued"), "1", "ghost")
            try await harness.command("HDEL", harness.key("job:\(jobs[3].id)"), "t")
            try await harness.command("HSET", harness.key("job:\(jobs[4].id)"), "k", "1:live", "w", "pause:1")
            try await harness.command("HSET", harness.key("unique"), "u", jobs[5].id.description)
            try await harness.command("EXPIRE", harness.key("job:\(jobs[5].id)"), "1000")
            try await harness.command("ZADD", harness.key("tombstones"), "1", "t")
            let report = try await queue.audit()
            let words = Set(report.findings.map(\.what))
            #expect(
                words == [
                    "stands in more than one index", "job in no index", "index entry without a job",
                    "fields are missing",
                    "token does not fit the state", "a stop is wanted of a job that does not run",
                    "its token hides that its end has more to look at",
                    "unique key held by a job that does not name it", "may expire", "ids and digests differ in number",
                ])
            #expect(report.ledgerDifference == -1)
            try await harness.command("DEL", harness.key("meta"))
            for key in try await harness.command("KEYS", "\(harness.prefix):*").array ?? [] {
                try await harness.command("DEL", key.string ?? "")
            }
        }
    }

    @Test func `a queue written by a newer version is refused`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            try await harness.command("HSET", harness.key("meta"), "schema", "2")
            await #expect { try await queue.enqueue(job()) } throws: {
                ($0 as? QueueError)?.kind == .refused(.newerSchema("2"))
            }
            try await harness.command("HSET", harness.key("meta"), "schema", Schema.stored)
        }
    }

    @Test func `a full Redis refuses pushes and still drains`() async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory(), options: ["--maxmemory", "20mb", "--maxmemory-policy", "noeviction"])
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            await #expect {
                for _ in 0..<200 {
                    _ = try await queue.enqueue([NewJob(type: "big", payload: Array(repeating: 1, count: 500_000))])
                }
            } throws: {
                ($0 as? QueueError)?.kind == .notExecuted(.full)
            }
            let claimed = try await harness.claim(10, from: queue)
            #expect(claimed.count == 10)
            _ = try await queue.heartbeat(worker: "w", [Heartbeat(id: claimed[0].id, token: claimed[0].token)])
            #expect(
                try await queue.settle(claimed.map(\.completion)).verdicts
                    == Array(repeating: .settled(.completed), count: 10))
            _ = try await queue.sweep()
        }
        await server.stop()
    }

    @Test func `an unavailable Redis is reported, and an unanswered write is unknown`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory())
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            server.pause()
            let new = job()
            await #expect { try await queue.enqueue(new) } throws: {
                ($0 as? QueueError)?.kind == .unknown && ($0 as? QueueError)?.ids == [new.id]
            }
            server.unpause()
            try await harness.store.waitUntilConnected(within: .seconds(30))
            #expect(try await queue.enqueue(new) != .conflict)
            #expect(try await queue.state(new.id) == .queued)
        }
        await server.stop()
    }

    @Test func `scripts are loaded again after a flush`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory())
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            for _ in 0..<5 {
                _ = try await queue.enqueue([job(), job()])
                try await harness.command("SCRIPT", "FLUSH")
                try await harness.command("FUNCTION", "FLUSH")
                let turn = try await queue.turn(
                    settle: [], claim: ClaimRequest(worker: "w", number: Int.random(in: 1...9), upTo: 2))
                #expect(turn.claimed != nil)
                try await harness.command("SCRIPT", "FLUSH")
                try await harness.command("FUNCTION", "FLUSH")
            }
        }
        await server.stop()
    }

    @Test func `the server's information is read`() async throws {
        try await withStore { harness in
            let roundTrip = try await harness.store.ping()
            #expect(roundTrip > .zero)
            #expect(try await harness.store.serverInformation()["redis_version"] != nil)
            #expect(try await harness.store.serverSetting("maxmemory-policy") == "noeviction")
            #expect(try await harness.store.serverSetting("no-such-setting") == nil)
            #expect(harness.store.isConnected)
        }
    }

    struct Add: Job {
        struct Output: Codable, Sendable, Equatable { var sum: Int }
        static let name = "add"
        static let defaults = JobDefaults(priority: 2, maxRetries: 1, timeout: .seconds(9))
        var a: Int
        var b: Int
    }

    @Test func `typed jobs have their defaults and their results`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let ref = try await queue.enqueue(Add(a: 1, b: 2))
            let record = try #require(try await ref.record())
            #expect(record.priority == 2)
            #expect(record.maxRetries == 1)
            #expect(record.timeout == .seconds(9))
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(claimed.payload == Array(#"{"a":1,"b":2}"#.utf8))
            await #expect(throws: JobWaitError.timedOut) { try await ref.result(within: .milliseconds(20)) }
            _ = try await queue.settle(claimed, .completed(output: Array(#"{"sum":3}"#.utf8)))
            #expect(try await ref.result(within: .seconds(30)) == Add.Output(sum: 3))
        }
    }

    @Test func `typed pushes with an id may be repeated, others are refused with the reason`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let id = try makeID("add:1")
            #expect(try await queue.enqueue(Add(a: 1, b: 2), id: id).existed == false)
            #expect(try await queue.enqueue(Add(a: 1, b: 2), id: id).existed)
            await #expect(throws: EnqueueError.conflict(id)) { try await queue.enqueue(Add(a: 1, b: 3), id: id) }
            await #expect(throws: EnqueueError.invalid(field: "priority")) {
                try await queue.enqueue(Add(a: 1, b: 2), priority: 1001)
            }
            let many = try await queue.enqueue(contentsOf: (0..<3).map { Add(a: $0, b: 0) }, priority: 1)
            #expect(Set(many.map(\.id)).count == 3)
            _ = try await queue.control(.cancel, many[0].id)
            await #expect(throws: JobWaitError.cancelled) { try await many[0].result(within: .seconds(30)) }
            _ = try await queue.control(.delete, many[0].id)
            await #expect(throws: JobWaitError.gone) { try await many[0].result(within: .seconds(30)) }
        }
    }

    @Test func `typed pushes support every option of a push`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let options = JobOptions(
                priority: 7, maxRetries: 1, retryPolicy: .fixed(.seconds(9)), timeout: .seconds(4), uniqueKey: "u",
                tags: ["a", "b c"], metadata: ["who": "me"])
            let ref = try await queue.enqueue(contentsOf: [Add(a: 1, b: 2)], options: options)[0]
            let record = try #require(try await ref.record())
            #expect(record.priority == 7 && record.maxRetries == 1 && record.timeout == .seconds(4))
            #expect(record.retryPolicy == .fixed(.seconds(9)) && record.uniqueKey == "u")
            #expect(record.tags == ["a", "b c"] && record.metadata == Array(#"{"who":"me"}"#.utf8))
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(claimed.tags == ["a", "b c"] && claimed.metadata == ["who": "me"])
            let later = try await queue.enqueue(Add(a: 1, b: 2), runAt: Date(timeIntervalSinceNow: 3600), tags: ["x"])
            let due = try #require(try await later.record()?.dueAt)
            #expect(abs(due.timeIntervalSinceNow - 3600) < 60)
            let past = try await queue.enqueue(Add(a: 1, b: 2), runAt: Date(timeIntervalSince1970: 0))
            #expect(try await past.record()?.state == .queued)
            for options in [
                JobOptions(delay: .seconds(1), runAt: Date()), JobOptions(runAt: .distantFuture),
                JobOptions(tags: ["a\nb"]), JobOptions(uniqueKey: ""),
            ] {
                await #expect(throws: EnqueueError.self) {
                    try await queue.enqueue(contentsOf: [Add(a: 1, b: 2)], options: options)
                }
            }
            let id = try JobID(validating: "order-4711")
            let jobs = try [NewJob(Add(a: 1, b: 2), id: id, options: JobOptions(tags: ["t"])), NewJob(Add(a: 3, b: 4))]
            #expect(try await queue.enqueueAtomically(jobs) == .accepted([.created(.queued), .created(.queued)]))
            #expect(try await queue.enqueue(Add(a: 1, b: 2), id: id, tags: ["t"]).existed)
            let conflict = await #expect(throws: EnqueueError.self) {
                try await queue.enqueue(Add(a: 1, b: 2), id: id, tags: ["other"])
            }
            #expect(conflict?.description.contains("order-4711") == true)
        }
    }

    @Test func `no script reads JSON, keeps user text in an error, or lets anything expire but the audit trail`() throws
    {
        for script in QueueScript.allCases {
            let text = String(decoding: ScriptTable.shipped[script].script.source, as: UTF8.self)
                .replacing("call('EXPIRE', q.keys.trail, KEPT_AFTER)", with: "")
            #expect(text.hasPrefix("#!lua"), "\(script)")
            for word in ["cjson", "loadstring", "EXPIRE", "PUBLISH", "set_repl", "math.random"] {
                #expect(!text.contains(word), "\(script) has \(word)")
            }
            for line in text.split(separator: "\n") where line.contains("error_reply") {
                #expect(!line.contains(".."), "\(script): \(line)")
            }
        }
    }
}
