// Pushing: verdicts, idempotency, unique keys, bounds, all or nothing.

import MartletJobs
import MartletQueue
import MartletRedis
import TestSupport
import Testing

@Suite struct EnqueueTests {
    @Test func `a push creates the queue and the job`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            #expect(try await queue.enqueue(new) == .created(.queued))
            let record = try #require(try await queue.job(new.id))
            #expect(record.state == .queued)
            #expect(record.type == "test")
            #expect(record.payload == Array("{}".utf8))
            #expect(record.maxRetries == 3)
            #expect(record.attempt == 0)
            #expect(try await harness.store.queueNames() == [queue.name])
        }
    }

    @Test func `every field of a push comes back`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            var new = NewJob(type: "t", payload: Array((0...255).map { UInt8($0) }))
            new.priority = -7
            new.maxRetries = 9
            new.retryPolicy = .exponential(base: .milliseconds(1500), factor: 3, cap: .seconds(60), jitter: 0.5)
            new.timeout = .seconds(90)
            new.uniqueKey = "key ü"
            new.tags = ["a", "b c"]
            new.metadata = try JobMetadata(json: Array(#"{"x":1}"#.utf8))
            #expect(try await queue.enqueue(new) == .created(.queued))
            let record = try #require(try await queue.job(new.id))
            #expect(record.payload == new.payload)
            #expect(record.priority == -7)
            #expect(record.maxRetries == 9)
            #expect(record.retryPolicy == new.retryPolicy)
            #expect(record.timeout == .seconds(90))
            #expect(record.uniqueKey == "key ü")
            #expect(record.tags == ["a", "b c"])
            #expect(record.metadata == new.metadata?.json)
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(claimed.payload == new.payload)
            #expect(claimed.retryPolicy == new.retryPolicy)
            #expect(claimed.timeout == .seconds(90))
        }
    }

    @Test func `repeating a push with a generated id returns the existing job`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            _ = try await queue.enqueue(new)
            #expect(try await queue.enqueue(new) == .existing(.queued))
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.enqueue(new) == .existing(.active))
            _ = try await queue.settle(claimed, .completed(output: nil))
            #expect(try await queue.enqueue(new) == .existing(.completed))
            #expect(try await queue.status()?.createdEver == 1)
        }
    }

    @Test func `the same id with the same digest is the same job, with another a conflict`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            var new = job(try makeID("mine"))
            new.digest = "d1"
            #expect(try await queue.enqueue(new) == .created(.queued))
            #expect(try await queue.enqueue(new) == .existing(.queued))
            var other = new
            other.digest = "d2"
            #expect(try await queue.enqueue(other) == .conflict)
            #expect(try await queue.enqueue(job(new.id)) == .conflict)
            #expect(try await queue.status()?.createdEver == 1)
        }
    }

    @Test func `a deleted job's id still counts for a day`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            var new = job(try makeID("mine"))
            new.digest = "d1"
            _ = try await queue.enqueue(new)
            _ = try await queue.control(.cancel, new.id)
            #expect(try await queue.control(.delete, new.id) == .done(nil))
            #expect(try await queue.enqueue(new) == .deleted)
            #expect(try await queue.control(.delete, new.id) == .done(nil), "deleting again is done already")
            var other = new
            other.digest = "d2"
            #expect(try await queue.enqueue(other) == .conflict)
            try await harness.setClock(.seconds(86_400 + 60))
            _ = try await queue.sweep()
            #expect(try await queue.enqueue(other) == .created(.queued))
        }
    }

    @Test func `an id twice in one batch is one job`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            let verdicts = try await queue.enqueue([new, new])
            #expect(verdicts == [.created(.queued), .existing(.queued)])
            #expect(try await queue.status()?.total == 1)
        }
    }

    @Test func `a bad job of a batch harms no other`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let verdicts = try await queue.enqueue([
                job(), job(priority: 1001), job(delay: .seconds(400 * 86_400)), job(),
            ])
            #expect(verdicts == [.created(.queued), .invalid("priority"), .invalid("delay"), .created(.queued)])
            #expect(try await queue.status()?.total == 2)
        }
    }

    @Test(arguments: ["nan", "inf", "-inf", "1.5", "0x10", " 7", "1e2", "", "1001", "-1001", "9007199254740993"])
    func `the script itself refuses the priority`(_ text: String) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let verdict = try await harness.rawEnqueue(priority: text, delay: "0")
            #expect(verdict == .array([.bytes(Array("invalid".utf8)), .bytes(Array("priority".utf8))]))
            #expect(try await queue.status()?.total == 0)
        }
    }

    @Test(arguments: ["nan", "-1", "1.5", "31536000001", "1e400", ""])
    func `the script itself refuses the delay`(_ text: String) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let verdict = try await harness.rawEnqueue(priority: "0", delay: text)
            #expect(verdict == .array([.bytes(Array("invalid".utf8)), .bytes(Array("delay".utf8))]))
        }
    }

    @Test func `atomic pushes are all or nothing`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            var first = job()
            first.uniqueKey = "k"
            _ = try await queue.enqueue(first)
            var clash = job()
            clash.uniqueKey = "k"
            let refused = try await queue.enqueueAtomically([job(), job(), clash, job()])
            #expect(refused == .refused(index: 2, .uniqueKeyTaken(by: first.id)))
            #expect(
                try await queue.enqueueAtomically([job(), job(priority: 2000)])
                    == .refused(index: 1, .invalid("priority")))
            #expect(try await queue.status()?.total == 1)
            #expect(
                try await queue.enqueueAtomically([job(), job(delay: .seconds(5))])
                    == .accepted([.created(.queued), .created(.scheduled)]))
        }
    }

    @Test func `ten thousand jobs are pushed at once, in order`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<10_000).map { _ in job() }
            guard case .accepted(let verdicts) = try await queue.enqueueAtomically(jobs) else {
                Issue.record("refused")
                return
            }
            #expect(verdicts.count == 10_000)
            let page = try await queue.list(limit: 200)
            #expect(page.jobs.map(\.id) == jobs.prefix(200).map(\.id))
        }
    }

    @Test func `large batches are split and all jobs arrive`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<1201).map { _ in job() }
            let verdicts = try await queue.enqueue(jobs)
            #expect(verdicts.count == 1201)
            let big = (0..<5).map { _ in NewJob(type: "big", payload: Array(repeating: 7, count: 400 << 10)) }
            #expect(try await queue.enqueue(big) == Array(repeating: .created(.queued), count: 5))
            #expect(try await queue.status()?.jobs[.queued] == 1206)
        }
    }

    @Test func `one of many jobs with the same unique key is accepted, until it has finished`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let verdicts = try await withThrowingTaskGroup(of: EnqueueVerdict.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        var new = job()
                        new.uniqueKey = "only"
                        return try await queue.enqueue(new)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(verdicts.count { $0 == .created(.queued) } == 1)
            let held = try #require(try await harness.claim(from: queue).first)
            var next = job()
            next.uniqueKey = "only"
            #expect(try await queue.enqueue(next) == .uniqueKeyTaken(by: held.id))
            _ = try await queue.settle(held, .completed(output: nil))
            #expect(try await queue.enqueue(next) == .created(.queued))
        }
    }

    @Test func `fifty pushes of the same request at once are one job`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let id = try makeID("once")
            let verdicts = try await withThrowingTaskGroup(of: EnqueueVerdict.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        var new = job(id)
                        new.digest = "same"
                        return try await queue.enqueue(new)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(verdicts.count { $0 == .created(.queued) } == 1)
            #expect(verdicts.count { $0 == .existing(.queued) } == 49)
        }
    }

    @Test func `the bounds of a push are named`() {
        var new = job()
        #expect(new.invalidField == nil)
        new.type = ""
        #expect(new.invalidField == "type")
        new = job()
        new.tags = Array(repeating: "t", count: 17)
        #expect(new.invalidField == "tags")
        new = job()
        new.uniqueKey = ""
        #expect(new.invalidField == "unique_key")
        new = job()
        new.tags = ["a\nb"]
        #expect(new.invalidField == "tags")
        new = job()
        new.uniqueKey = "\u{202E}key"
        #expect(new.invalidField == "unique_key")
        new = job()
        new.type = "a\u{9B}b"
        #expect(new.invalidField == "type")
        new = job()
        new.limits = ["host"]
        #expect(new.invalidField == "limits")
        for field in [
            "type", "unique_key", "tags", "limits", "id", "payload", "priority", "delay", "run_at", "max_retries",
            "timeout",
        ] {
            #expect(NewJob.rule(for: field) != NewJob.rule(for: "another"), "\(field)")
        }
        new = job()
        new.timeout = .zero
        #expect(new.invalidField == "timeout")
        new = job(maxRetries: 101)
        #expect(new.invalidField == "max_retries")
        new = NewJob(type: "t", payload: Array(repeating: 0, count: (1 << 20) + 1))
        #expect(new.invalidField == "payload")
    }

    @Test func `an id of dots from another client is refused by the script`() async throws {
        try await withStore { harness in
            try await harness.queue().create()
            for id in [".", "..", "..."] {
                let stored = try #require(JobID(stored: id))
                let verdict = try await harness.queue().enqueue(NewJob(id: stored, type: "t", payload: []))
                #expect(verdict == .invalid("id"))
            }
        }
    }

    @Test func `a digest distinguishes requests`() {
        let base = job(priority: 1)
        var other = base
        #expect(base.requestDigest() == other.requestDigest())
        other.payload = [1]
        #expect(base.requestDigest() != other.requestDigest())
        other = base
        other.tags = ["x"]
        #expect(base.requestDigest() != other.requestDigest())
    }

    @Test func `a digest is the same in every release, so that a repeated push finds its job after an upgrade`() {
        let job = NewJob(
            type: "mail.send", payload: [1, 2, 255], priority: 7, delay: .milliseconds(1500), maxRetries: 5,
            timeout: .seconds(9), uniqueKey: "order:4711", tags: ["a", "ü"])
        // SHA-256 of `9:mail.send3:`, the payload, `1:r1:74:wait4:15001:m1:5` and so on, computed by another program.
        #expect(job.requestDigest() == "4719d80d45fed3eda320054720454c54")
    }

    @Test(arguments: ["", "}", "a}b", "A", "-a", ".a", String(repeating: "a", count: 65), "ü", "a b"])
    func `queue names outside the alphabet are refused`(_ name: String) { #expect(QueueName(name) == nil) }
}
