// Throttled outcomes: a key that is held, who waits for it, how the hold ends, and how it is mended.

import Foundation
import MartletJSON
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct HoldTests {
    private static func throttled(
        _ key: String = "host:a", _ wait: Duration = .seconds(60), _ reason: String = "429"
    ) -> Settlement.Outcome { .throttled(key: key, after: wait, reason: reason) }

    @Test func `a throttled job goes back to its place without a charge, and all of its key wait until then`()
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([
                .limited(0, "host:a"), .limited(1, "host:a"), .limited(2, "host:b"), .limited(3),
            ])
            let first = try #require(try await harness.claim(1, from: queue).first)
            #expect(try await queue.settle(first, Self.throttled()) == .settled(.blocked))
            let job = try #require(try await queue.job(first.id))
            #expect(job.failures == 0 && job.error == "429" && job.waitsFor == "host:a")
            #expect(try await harness.usage().isEmpty)
            #expect(try await queue.enqueue(.limited(4, "host:a")) == .created(.blocked))
            let reply = try await queue.claim(ClaimRequest(worker: "x", number: 1, upTo: 9))
            #expect(reply.jobs.map(\.number) == [2, 3], "others are not held")
            #expect(try #require(reply.nextDue) > .seconds(1))
            try await harness.setClock(.seconds(61))
            #expect(try await harness.claim(9, from: queue).map(\.number) == [0, 1, 4], "in the order of the line")
        }
    }

    @Test func `the hold is shown with its end, ends by itself, and the plan forgets it`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("host:*", to: QueueLimit(concurrency: 2))
            _ = try await queue.enqueue(.limited(0, "host:a"))
            let first = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.settle(first, Self.throttled())
            let limit = try #require(try await queue.limit(named: "host:a"))
            let until = try #require(limit.throttle?.until)
            #expect(limit.opening == .at(until) && limit.throttle?.reason == "429" && limit.source == "host:*")
            #expect(try await queue.limits().limits.map(\.name) == ["host:*", "host:a"])
            #expect(try await queue.removeLimit("host:*"))
            let why = try #require(try await queue.explain(first.id))
            #expect(!why.isStartable && why.keys.map(\.name) == ["host:a"])
            #expect(why.keys.first?.reason == .limitPause && why.keys.first?.pause?.reason == "429")
            #expect(why.keys.first?.pause?.until == until && why.keys.first?.opensAt == until)
            #expect(try await queue.limit(named: "host:a")?.throttle?.until == until, "it needs no limit")
            try await harness.setClock(.seconds(61))
            #expect(try await queue.limit(named: "host:a")?.throttle == nil)
            _ = try await queue.sweep()
            #expect(try await harness.command("EXISTS", harness.key("throttled")).int == 0)
            #expect(try await harness.claim(from: queue).map(\.number) == [0])
            _ = try await queue.sweep()
            #expect(try await harness.command("HGET", harness.key("meta"), "limited") == .null)
        }
    }

    @Test func `a hold never shortens a longer one, and lasts at most a day`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<2).map { .limited($0, "host:a") })
            let jobs = try await harness.claim(2, from: queue)
            _ = try await queue.settle(jobs[0], Self.throttled("host:a", .seconds(400_000)))
            let until = try #require(try await queue.limit(named: "host:a")?.throttle?.until)
            #expect(until.timeIntervalSinceNow < 86_460)
            _ = try await queue.settle(jobs[1], Self.throttled("host:a", .zero))
            #expect(try await queue.limit(named: "host:a")?.throttle?.until == until)
        }
    }

    @Test func `a reset ends the hold, is recorded, and brings the jobs back at once`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<2).map { .limited($0, "host:a") })
            let jobs = try await harness.claim(2, from: queue)
            for job in jobs { _ = try await queue.settle(job, Self.throttled()) }
            let author = TrailAuthor([("who", "ada")], entries: 100)
            #expect(try await queue.recorded(as: author).resetLimit("host:a"))
            #expect(try await queue.resetLimit("host:a") == false)
            #expect(try await queue.status()?.jobs[.queued] == 2)
            let trail = try await harness.command("XRANGE", harness.key("trail"), "-", "+").array ?? []
            let words = trail.flatMap { $0.array?.last?.array?.compactMap(\.string) ?? [] }
            #expect(words.contains("was:throttled_until"), "\(words)")
            #expect(try await harness.claim(9, from: queue).map(\.number) == [0, 1])
        }
    }

    @Test func `a key that the job does not have is not held: the job waits alone and says so`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([.limited(0, "host:a"), .limited(1, "host:b")])
            let first = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.settle(first, Self.throttled("host:b")) == .settled(.retrying))
            let job = try #require(try await queue.job(first.id))
            #expect(job.failures == 0 && job.error?.contains("only this job waits") == true)
            #expect(try await harness.claim(9, from: queue).map(\.number) == [1])
            #expect(try await queue.limit(named: "host:b")?.throttle == nil)
        }
    }

    @Test func `a type is held for jobs that name no key`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job()])
            let first = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.settle(first, Self.throttled("type:test")) == .settled(.blocked))
            #expect(try await harness.claim(9, from: queue).isEmpty)
            try await harness.setClock(.seconds(61))
            #expect(try await harness.claim(9, from: queue).count == 2)
        }
    }

    @Test func `a stop counts before the place, and the key is held all the same`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<2).map { .limited($0, "host:a") })
            let jobs = try await harness.claim(2, from: queue)
            _ = try await queue.control(.pause, [jobs[0].id])
            _ = try await queue.control(.cancel, [jobs[1].id])
            #expect(try await queue.settle(jobs[0], Self.throttled()) == .settled(.paused))
            #expect(try await queue.settle(jobs[1], Self.throttled("host:a", .seconds(90))) == .settled(.cancelled))
            #expect(try await queue.limit(named: "host:a")?.throttle != nil)
            _ = try await queue.control(.resume, [jobs[0].id])
            #expect(try await harness.claim(9, from: queue).isEmpty)
            try await harness.setClock(.seconds(91))
            #expect(try await harness.claim(9, from: queue).map(\.number) == [0])
        }
    }

    @Test func `the audit finds a hold that the plan does not know and one without an end, and a repair mends both`()
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let until = (try await harness.command("TIME").array?.first?.string).flatMap { Int($0) } ?? 0
            try await harness.command("HSET", harness.key("throttled"), "host:a", "\((until + 600) * 1000) 429")
            try await harness.command("HSET", harness.key("throttled"), "host:b", "never")
            func findings() async throws -> [String] {
                let parts = try await queue.run(.audit, RedisArguments("limits")).array ?? []
                return parts.dropFirst(2).compactMap { $0.array?.first?.string }.sorted()
            }
            #expect(try await findings() == ["host:a", "host:b"])
            for key in ["host:a", "host:b"] { _ = try await queue.run(.repair, RedisArguments("limit", key, "1")) }
            #expect(try await findings().isEmpty)
            #expect(try await queue.enqueue(.limited(0, "host:a")) == .created(.blocked))
            #expect(try await queue.limit(named: "host:b") == nil)
        }
    }
}
