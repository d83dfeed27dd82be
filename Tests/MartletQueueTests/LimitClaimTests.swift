// Limits of keys: how many jobs run at a time, who waits, and in which order waiters come back.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct LimitClaimTests {
    @Test func `as many jobs of a key run as its limit allows, and the others wait in the order of the line`()
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setLimit("host:a", "c=2", of: queue)
            _ = try await queue.enqueue((0..<6).map { .limited($0, "host:a") })
            var seen: [Int] = []
            var running = try await harness.claim(10, from: queue)
            while !running.isEmpty {
                #expect(running.count == 2)
                #expect(try await harness.usage() == ["host:a": "2"])
                seen += running.map(\.number)
                let waiting = try #require(try await queue.status()).jobs[.blocked] ?? 0
                #expect(waiting == 6 - seen.count)
                _ = try await queue.settle(running.map(\.completion))
                running = try await harness.claim(10, from: queue)
            }
            #expect(seen == [0, 1, 2, 3, 4, 5])
            #expect(try await harness.usage().isEmpty)
            #expect(try await harness.usage("standing").isEmpty)
        }
    }

    @Test func `a job that waits keeps nobody waiting behind it`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            // In line before there is a limit.
            _ = try await queue.enqueue((0..<150).map { .limited($0, "host:a") })
            _ = try await queue.enqueue([.limited(200, "host:b"), .limited(201)])
            try await harness.setLimit("host:a", "c=1", of: queue)
            #expect(try await harness.claim(3, from: queue).map(\.number) == [0, 200, 201])
            let status = try #require(try await queue.status())
            #expect(status.jobs[.blocked] == 149 && status.jobs[.queued] == 0)
            let next = try #require(try await queue.job(queue.list(states: [.blocked], limit: 1).jobs[0].id))
            #expect(next.waitsFor == "host:a" && next.state == .blocked)
        }
    }

    @Test func `a job whose key has no room waits from its push on, and says so`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setLimit("host:*", "c=1", of: queue)
            #expect(try await queue.enqueue(.limited(1, "host:a")) == .created(.queued))
            let held = try await harness.claim(from: queue)
            let next = NewJob.limited(2, "host:a")
            #expect(try await queue.enqueue(next) == .created(.blocked))
            #expect(try await queue.enqueue(next) == .existing(.blocked))
            #expect(try await queue.enqueue(.limited(3, "host:b")) == .created(.queued), "each value has its own limit")
            let many = (4..<204).map { NewJob.limited($0, "host:a") }
            #expect(try await queue.enqueue(many).allSatisfy { $0 == .created(.blocked) })
            #expect(try await queue.status()?.jobs[.queued] == 1)
            _ = try await queue.settle(held.map(\.completion))
            #expect(try await harness.claim(9, from: queue).map(\.number) == [2, 3])
        }
    }

    @Test func `all keys of a job are taken, or none`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setLimit("host:a", "c=5", of: queue)
            try await harness.setLimit("tenant:7", "c=1", of: queue)
            _ = try await queue.enqueue([
                .limited(1, LimitKey("host:a", weight: 3), "tenant:7"), .limited(2, "host:a", "tenant:7"),
                .limited(3, LimitKey("host:a", weight: 2), "other:1"),
            ])
            let first = try await harness.claim(3, from: queue)
            #expect(first.map(\.number) == [1, 3])
            #expect(try await harness.usage() == ["host:a": "5", "tenant:7": "1", "other:1": "1"])
            _ = try await queue.settle(first[0], .failed(retryAfter: .zero, error: "no"))
            #expect(try await harness.claim(3, from: queue).map(\.number) == [2])
            #expect(try await harness.usage() == ["host:a": "3", "tenant:7": "1", "other:1": "1"])
        }
    }

    @Test func `a heavy job gets its turn, since light ones behind it wait too`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setLimit("host:a", "c=3", of: queue)
            _ = try await queue.enqueue([.limited(1, "host:a"), .limited(2, LimitKey("host:a", weight: 3))])
            let first = try await harness.claim(3, from: queue)
            #expect(first.map(\.number) == [1])
            #expect(try await queue.enqueue(.limited(3, "host:a")) == .created(.blocked))
            _ = try await queue.settle(first.map(\.completion))
            #expect(try await harness.claim(3, from: queue).map(\.number) == [2])
        }
    }

    @Test func `a job that weighs more than a limit ever allows is refused with the limit's name`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setLimit("host:*", "c=2 oc=9", of: queue)
            try await harness.setLimit("api:x", "n=10 per=1000 burst=2", of: queue)
            #expect(try await queue.enqueue(.limited(1, LimitKey("host:a", weight: 3))) == .tooHeavy(limit: "host:*"))
            #expect(try await queue.enqueue(.limited(1, LimitKey("api:x", weight: 3))) == .tooHeavy(limit: "api:x"))
            let jobs = [NewJob.limited(1), .limited(2, LimitKey("host:a", weight: 3))]
            #expect(try await queue.enqueueAtomically(jobs) == .refused(index: 1, .tooHeavy(limit: "host:*")))
            #expect(try await queue.status()?.total == 0)
            #expect(try await queue.enqueue(.limited(1, LimitKey("host:a", weight: 2))) == .created(.queued))
        }
    }

    @Test func `the limit of a type counts jobs that name no key`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setLimit("type:test", "c=1", of: queue)
            try await harness.setLimit("tag:slow", "c=1", of: queue)
            _ = try await queue.enqueue([job(), job()])
            let first = try await harness.claim(5, from: queue)
            #expect(first.count == 1)
            #expect(try await harness.usage() == ["type:test": "1"])
            _ = try await queue.settle(first[0], .released(after: nil))
            #expect(try await harness.usage().isEmpty)
            var tagged = [NewJob(type: "a", payload: [1]), NewJob(type: "b", payload: [1])]
            for index in tagged.indices { tagged[index].tags = ["slow", "x"] }
            _ = try await queue.enqueue(tagged)
            #expect(try await harness.claim(5, from: queue).count == 2, "one of the type, one of the tag")
            // Released by what was taken, whatever is limited meanwhile.
            try await harness.setLimit("type:test", nil, of: queue)
            #expect(try await harness.claim(5, from: queue).count == 1)
        }
    }

    @Test func `a lost job releases its keys with its lease, and not before`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setLimit("host:a", "c=1", of: queue)
            _ = try await queue.enqueue([.limited(1, "host:a"), .limited(2, "host:a")])
            #expect(try await harness.claim(2, from: queue).map(\.number) == [1])
            #expect(try await harness.claim(2, from: queue).isEmpty)
            try await harness.sweepAfterLeases()
            #expect(try await harness.claim(2, from: queue).map(\.number) == [1], "in its old place")
        }
    }

    @Test func `keys are counted before there is a limit, so a new one is right at once`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<5).map { .limited($0, "host:a") })
            let first = try await harness.claim(3, from: queue)
            #expect(try await harness.usage() == ["host:a": "3"])
            try await harness.setLimit("host:a", "c=3", of: queue)
            #expect(try await harness.claim(3, from: queue).isEmpty)
            _ = try await queue.settle(first.map(\.completion))
            #expect(try await harness.claim(3, from: queue).count == 2)
        }
    }
}
