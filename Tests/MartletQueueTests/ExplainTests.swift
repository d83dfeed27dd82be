// Explanations: sentences for people, and what they cost with many jobs.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct ExplainTests {
    private static func push(
        _ id: String, _ keys: LimitKey..., delay: Duration = .zero, to queue: Queue
    ) async throws -> JobID {
        let job = try NewJob(
            id: JobID(validating: id), type: "test", payload: Array(#"{"secret":1}"#.utf8), delay: delay, limits: keys)
        _ = try await queue.enqueue(job)
        return job.id
    }

    @Test func `each state of a job is said in words`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            #expect(try await queue.explain(.generate()) == nil, "there is no queue")
            #expect(try await queue.explain() == nil)
            let later = try await Self.push("later", delay: .seconds(60), to: queue)
            #expect(try await queue.explain(.generate()) == nil, "there is no job")
            let first = try await Self.push("first", to: queue)
            let second = try await Self.push("second", to: queue)
            func why(_ id: JobID) async throws -> JobExplanation { try #require(try await queue.explain(id)) }
            #expect(try await why(later).reasons == [.time])
            #expect(try await why(first).sentences.first == "It stands first in line.")
            #expect(try await why(first).isStartable)
            #expect(try await why(second).sentences == ["It stands in line behind 1 job."])
            _ = try await queue.control(.pause, [second])
            #expect(try await why(second).reasons == [.jobPause])
            let claimed = try await harness.claim(1, from: queue, worker: "w")
            let runs = try await why(first)
            #expect(runs.state == .active && runs.reasons.isEmpty && !runs.isStartable && runs.leaseUntil != nil)
            _ = try await queue.settle(
                claimed.map { Settlement(id: $0.id, token: $0.token, outcome: .failedForGood(error: "no disk")) })
            let failed = try await why(first)
            #expect(failed.reasons.isEmpty && failed.sentences.first?.hasSuffix("no disk") == true)
            let counts = try #require(try await queue.explain())
            #expect(counts.waiting == [.time: 1, .jobPause: 1] && counts.keys.isEmpty)
        }
    }

    @Test func `a blocked job is told its key, who holds it, who is ahead and who paused it`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("host:*", to: QueueLimit(concurrency: 1))
            let runs = try await Self.push("runs", "host:a", to: queue)
            _ = try await harness.claim(1, from: queue, worker: "w")
            let ids = [
                try await Self.push("first", "host:a", to: queue), try await Self.push("second", "host:a", to: queue),
            ]
            let key = try #require(try await queue.explain(ids[1])?.keys.first)
            #expect(key.name == "host:a" && key.reason == .limitConcurrency && key.opensAt == nil)
            #expect(key.ahead == 1 && key.firstAhead == ids[0] && key.limit?.holders.map(\.job) == [runs])
            #expect(
                key.sentence
                    == "host:a: the limit host:* allows 1 at one time; 1 in use, and the job takes 1. Held by runs.")
            try await queue.pauseLimit("host:*", reason: "answers 503", for: .seconds(600), by: "ada")
            let paused = try #require(try await queue.explain(ids[0])?.keys.first)
            #expect(paused.reason == .limitPause && paused.pause?.by == "ada" && paused.opensAt != nil)
            #expect(paused.sentence.hasPrefix("host:a: the limit host:* is paused by ada (answers 503) until "))
            let counts = try #require(try await queue.explain())
            #expect(counts.waiting == [.limitPause: 2])
            #expect(counts.keys.map(\.waiting) == [2] && counts.notLookedAt == 0 && counts.active == 1)
            try await queue.resumeLimit("host:*")
            try await queue.setLimit("host:*", to: QueueLimit(concurrency: 3))
            let heavy = try await Self.push("heavy", LimitKey("host:c", weight: 3), to: queue)
            try await queue.setLimit("host:c", to: QueueLimit(concurrency: 2))
            let obstacle = try #require(try await queue.explain(heavy)?.keys.first)
            #expect(obstacle.isTooHeavy && obstacle.sentence.contains("an operator must raise it"))
        }
    }

    @Test func `it reads, with a bounded number of commands, and shows nothing that a job carries`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 2000))
            let jobs = (0..<1000).map { _ in NewJob(type: "test", payload: [1], limits: ["host:a"]) }
            _ = try await queue.enqueue(jobs)
            let last = try await Self.push("last", to: queue)
            // The jobs stand in line, and lose their key there.
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 0))
            let why = try #require(try await queue.explain(last))
            #expect(!why.isStartable, "a claim moves some 200 jobs at most, and hands out none")
            #expect(why.ahead == 1000)
            let value = try await queue.run(.explain, RedisArguments("job", "last"))
            #expect(!"\(value)".contains("secret"))
            #expect(try await harness.claim(1, from: queue, worker: "w").isEmpty)
        }
    }
}
