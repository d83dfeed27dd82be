// Limits that change or open by time, operators' verbs on jobs that wait, and the repair of what limits count.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct LimitChangeTests {
    /// A queue with one running job of `host:a`, whose limit is 1, and these others that wait for it.
    private static func crowd(_ harness: QueueHarness, _ waiting: [NewJob]) async throws -> ClaimedJob {
        let queue = harness.queue()
        try await harness.setLimit("host:a", "c=1", of: queue)
        _ = try await queue.enqueue(.limited(0, "host:a"))
        let held = try #require(try await harness.claim(from: queue).first)
        #expect(try await queue.enqueue(waiting).allSatisfy { $0 == .created(.blocked) })
        return held
    }

    @Test func `who waits runs when the limit is raised, and all when it is removed`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await Self.crowd(harness, (1..<8).map { .limited($0, "host:a") })
            try await harness.setLimit("host:a", "c=3", of: queue)
            #expect(try await harness.claim(9, from: queue).map(\.number) == [1, 2])
            try await harness.setLimit("host:a", nil, of: queue)
            #expect(try await harness.command("HGET", harness.key("meta"), "plan").string == "limited=16")
            #expect(try await harness.claim(9, from: queue).map(\.number) == [3, 4, 5, 6, 7])
            _ = try await queue.sweep()
            #expect(
                try await harness.command("HGET", harness.key("meta"), "plan").string == "",
                "nothing is left to look at")
        }
    }

    @Test func `a paused key starts nothing until its time, of which the claim tells`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setClock(.milliseconds(0))
            let now = try #require(try await harness.command("TIME").array?.first?.string.flatMap { Int($0) }) * 1000
            try await harness.setLimit("host:a", "c=1 paused=1 until=\(now + 3_600_000)\nmaintenance\nops", of: queue)
            #expect(try await queue.enqueue(.limited(1, "host:a")) == .created(.blocked))
            let reply = try await queue.claim(ClaimRequest(worker: "p", number: 1, upTo: 1))
            let wait = try #require(reply.nextDue)
            #expect(reply.jobs.isEmpty && wait > .seconds(3500) && wait <= .seconds(3600))
            try await harness.setClock(.seconds(3601))
            #expect(try await harness.claim(from: queue).map(\.number) == [1])
            try await harness.setLimit("host:b", "c=1 paused=1", of: queue)
            #expect(try await queue.enqueue(.limited(2, "host:b")) == .created(.blocked))
            #expect(try await queue.claim(ClaimRequest(worker: "p", number: 2, upTo: 1)).nextDue == nil)
        }
    }

    @Test func `jobs of a key start at its rate, and the claim tells when the next one may`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setLimit("api:x", "n=10 per=1000 burst=2", of: queue)
            _ = try await queue.enqueue((0..<6).map { .limited($0, "api:x") })
            var started: [Int] = []
            for step in 0..<5 {
                try await harness.setClock(.seconds(3600 * step))
                // After a long time only the burst is there.
                let number = step + 1
                let reply = try await queue.claim(ClaimRequest(worker: "r", number: number, upTo: 9))
                #expect(reply.jobs.count == (step < 3 ? 2 : 0))
                started += reply.jobs.map(\.number)
                if step < 2 { #expect(try #require(reply.nextDue) <= .milliseconds(200)) }
            }
            #expect(started == [0, 1, 2, 3, 4, 5])
        }
    }

    @Test func `an override counts until its time, and then the limit itself`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let now = try #require(try await harness.command("TIME").array?.first?.string.flatMap { Int($0) }) * 1000
            try await harness.setLimit("host:a", "c=1 oc=3 ountil=\(now + 600_000)", of: queue)
            _ = try await queue.enqueue((0..<5).map { .limited($0, "host:a") })
            let first = try await harness.claim(9, from: queue)
            #expect(first.count == 3)
            try await harness.setClock(.seconds(601))
            _ = try await queue.settle(Array(first.prefix(2).map(\.completion)))
            #expect(try await harness.claim(9, from: queue).isEmpty)
            _ = try await queue.settle(first[2], .completed(output: nil))
            #expect(try await harness.claim(9, from: queue).count == 1)
        }
    }

    @Test func `verbs treat a job that waits for a limit like one in line`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (1..<7).map { NewJob.limited($0, "host:a") }
            let held = try await Self.crowd(harness, jobs)
            let ids = jobs.map(\.id)
            #expect(try await queue.control(.run, ids[0]) == .done(.blocked))
            #expect(try await queue.control(.retry, ids[0]) == .done(.blocked))
            #expect(try await queue.control(.resume, ids[0]) == .done(.blocked))
            #expect(try await queue.control(.delete, ids[0]) == .refused(.blocked))
            #expect(try await queue.control(.pause, ids[0]) == .done(.paused))
            #expect(try await queue.control(.cancel, ids[1]) == .done(.cancelled))
            let later = ControlVerb.patch(priority: nil, start: .after(.seconds(60)), maxRetries: nil)
            #expect(try await queue.control(later, ids[2]) == .done(.scheduled))
            let urgent = ControlVerb.patch(priority: 5, start: nil, maxRetries: nil)
            #expect(try await queue.control(urgent, ids[5]) == .done(.blocked))
            #expect(try await queue.edit(ids[5], payload: Array("66".utf8)) == .done(.blocked))
            #expect(try await queue.audit().isClean)
            #expect(try await queue.control(.resume, ids[0]) == .done(.queued))
            var seen: [Int] = []
            var running = [held]
            while !running.isEmpty {
                _ = try await queue.settle(running.map(\.completion))
                running = try await harness.claim(9, from: queue)
                seen += running.map(\.number)
            }
            #expect(seen == [66, 1, 4, 5])
            _ = try await Self.crowd(harness, [.limited(9, "host:a")])
            #expect(try await queue.drain()?.cancelled == 2, "the one that waits, and the scheduled one")
        }
    }

    @Test func `listeners hear who waits for what, and when it is over`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            _ = try await queue.run(.configure, RedisArguments("listen", "600000", ""))
            let next = NewJob.limited(1, "host:a")
            let held = try await Self.crowd(harness, [next])
            _ = try await queue.settle(held, .completed(output: nil))
            let entries = try await harness.command("XRANGE", harness.key("events"), "-", "+").array ?? []
            let events = entries.compactMap { EventEntry($0, of: queue.name) }.flatMap(\.events)
            let told = events.filter { $0.job == next.id }.map {
                "\($0.kind) \($0.state?.rawValue ?? "-") \($0.reason ?? "")"
            }
            #expect(told == ["pushed queued ", "blocked blocked host:a", "unblocked queued host:a"])
        }
    }

    @Test(arguments: [
        ("usage of a key that runs nothing", ["HSET", "usage", "host:a", "7"]),
        ("usage too low", ["HDEL", "usage", "host:a"]),
        ("weight that stands nowhere", ["HSET", "standing", "host:a", "2"]),
        ("a waiter that is not blocked", ["ZADD", "waits:host:a", "1", "nobody"]),
        ("waiters of a key that is not known", ["ZREM", "opens", "host:a"]),
        ("a key without waiters", ["ZADD", "opens", "5", "host:z"]),
        ("a blocked job that its key does not know", ["ZREM", "waits:host:a", "JOB"]),
        ("a blocked job that names no key", ["HDEL", "job:JOB", "lw"]),
        ("a blocked job at another place", ["ZADD", "waits:host:a", "3", "JOB"]),
        ("a running job that waits", ["HSET", "job:HELD", "lw", "1 host:a"]),
    ])
    func `damage to what limits count is found and repaired`(_ what: String, _ words: [String]) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let waiting = NewJob.limited(1, "host:a")
            let held = try await Self.crowd(harness, [waiting])
            var command = [words[0]]
            command.append(
                harness.key(words[1].replacing("JOB", with: "\(waiting.id)").replacing("HELD", with: "\(held.id)")))
            command += words.dropFirst(2).map { $0.replacing("JOB", with: "\(waiting.id)") }
            var arguments = RedisArguments()
            for word in command { arguments.append(word) }
            _ = try await harness.redis.send(.command(arguments))
            let report = try await queue.audit()
            #expect(!report.findings.isEmpty, "\(what)")
            #expect(try await !queue.repair(report).isEmpty, "\(what)")
            _ = try await queue.repair(report, dryRun: false)
            #expect(try await queue.audit().findings.isEmpty, "\(what)")
            _ = try await queue.settle(held, .completed(output: nil))
            #expect(try await harness.claim(9, from: queue).map(\.number) == [1])
        }
    }
}
