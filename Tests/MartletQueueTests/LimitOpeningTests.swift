// When a key opens: after another rate, for waiting workers, for many keys at once, and with several limits in force.

import Foundation
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct LimitOpeningTests {
    @Test func `a corrected rate counts at once, whatever the former one has left`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("api:x", to: QueueLimit(rate: LimitRate(count: 1, per: .seconds(86_400))))
            _ = try await queue.enqueue((0..<3).map { .limited($0, "api:x") })
            #expect(try await harness.claim(3, from: queue).map(\.number) == [0])
            try await queue.setLimit("api:x", to: QueueLimit(rate: LimitRate(count: 100, per: .seconds(1), burst: 1)))
            let opening = try await queue.limit(named: "api:x")?.opening
            #expect(opening != .notByTime)
            if case .at(let next)? = opening { #expect(next < .now.addingTimeInterval(60)) }
            try await harness.setClock(.seconds(1))
            #expect(try await harness.claim(3, from: queue).map(\.number) == [1])
        }
    }

    @Test func `the rate of an override leaves nothing behind that the base rate would not`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("api:*", to: QueueLimit(rate: LimitRate(count: 10, per: .seconds(1))))
            let slow = QueueLimit(rate: LimitRate(count: 1, per: .seconds(3600)))
            try await queue.overrideLimit("api:*", with: slow, for: .seconds(100))
            _ = try await queue.enqueue((0..<2).map { .limited($0, "api:x") })
            #expect(try await harness.claim(2, from: queue).map(\.number) == [0])
            // The end of the override is when it is looked at, and a tenth of a second later the next one starts.
            try await harness.setClock(.seconds(101))
            #expect(try await harness.claim(2, from: queue).isEmpty)
            try await harness.setClock(.seconds(102))
            #expect(try await harness.claim(2, from: queue).map(\.number) == [1])
        }
    }

    @Test func `a rate is kept when its clock goes back a little`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("api:x", to: QueueLimit(rate: LimitRate(count: 1, per: .seconds(1000), burst: 2)))
            _ = try await queue.enqueue((0..<4).map { .limited($0, "api:x") })
            try await harness.setClock(.seconds(10_000))
            #expect(try await harness.claim(4, from: queue).map(\.number) == [0, 1])
            try await harness.setClock(.seconds(9700))
            #expect(try await harness.claim(4, from: queue).isEmpty)
            try await harness.setClock(.seconds(10_600))
            #expect(try await harness.claim(4, from: queue).isEmpty)
            try await harness.setClock(.seconds(11_200))
            #expect(try await harness.claim(4, from: queue).map(\.number) == [2])
        }
    }

    @Test func `a worker that waits is woken for an opening that it was not told of`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            func wakes(_ name: String, _ body: () async throws -> Void) async throws {
                try await harness.command("DEL", harness.key("wake"))
                try await body()
                #expect(try await harness.command("LLEN", harness.key("wake")).int == 1, "\(name)")
            }
            let rate = LimitRate(count: 1, per: .seconds(600))
            try await queue.setLimit("api:x", to: QueueLimit(concurrency: 1, rate: rate))
            try await queue.setLimit("api:y", to: QueueLimit(rate: LimitRate(count: 1, per: .seconds(60))))
            _ = try await queue.enqueue([.limited(0, "api:x"), .limited(1, "api:y")])
            let held = try await harness.claim(2, from: queue)
            #expect(held.count == 2)
            try await wakes("a push to a key that opens later") {
                _ = try await queue.enqueue(.limited(2, "api:y"))
            }
            let blocked = try #require(try await queue.list(states: [.blocked], limit: 1).jobs.first)
            _ = try await queue.control(.cancel, blocked.id)
            _ = try await queue.enqueue(.limited(3, "api:x"))
            try await wakes("the end of a job, after which only the rate is in the way") {
                _ = try await queue.settle(held.map(\.completion))
            }
            try await queue.pauseLimit("host:a")
            _ = try await queue.enqueue(.limited(4, "host:a"))
            try await wakes("a pause that gets an end") {
                try await queue.pauseLimit("host:a", for: .seconds(5))
            }
        }
    }

    @Test func `a key that opens later than another wakes nobody`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.pauseLimit("host:a", for: .seconds(5))
            try await queue.pauseLimit("host:b", for: .seconds(50))
            _ = try await queue.enqueue(.limited(1, "host:a"))
            try await harness.command("DEL", harness.key("wake"))
            _ = try await queue.enqueue(.limited(2, "host:b"))
            #expect(try await harness.command("LLEN", harness.key("wake")).int == 0)
        }
    }

    @Test func `a change of a class reaches its keys, however many others jobs wait for`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.pauseLimit("aaa:*")
            try await queue.pauseLimit("zzz:*")
            for first in stride(from: 0, to: 25_000, by: 1000) {
                let jobs = (first..<first + 1000).map { NewJob.limited($0, LimitKey("aaa:\($0)")) }
                _ = try await queue.enqueue(jobs)
            }
            _ = try await queue.enqueue((0..<100).map { .limited(-1, LimitKey("zzz:\($0)"), priority: 9) })
            try await queue.resumeLimit("aaa:*")
            try await queue.resumeLimit("zzz:*")
            // What the change has not looked at is left to sweeps, which say that there is more to do.
            while try await queue.sweep().more {}
            #expect(try await harness.command("HGET", harness.key("meta"), "changed_classes").string == nil)
            var claimed = 0
            for _ in 0..<10 { claimed += try await harness.claim(100, from: queue).count { $0.number == -1 } }
            #expect(claimed == 100)
            let due = try await harness.command("ZCOUNT", harness.key("opens"), "+inf", "+inf").int
            #expect(due == 0, "all are open")
        }
    }

    @Test func `a job of an unknown type does not use up a rate`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("api:x", to: QueueLimit(rate: LimitRate(count: 1, per: .seconds(3600))))
            try await queue.setLimit("type:test", to: QueueLimit(rate: LimitRate(count: 1, per: .seconds(3600))))
            _ = try await queue.enqueue(.limited(1, "api:x"))
            let claimed = try await harness.claim(from: queue)
            #expect(claimed.count == 1)
            _ = try await queue.settle(claimed[0], .unknownType(retryAfter: .zero, error: "no handler"))
            #expect(try await queue.limit(named: "api:x")?.opening == .now)
            #expect(try await harness.claim(from: queue).count == 1)
            #expect(try await queue.limit(named: "api:x")?.opening != .now)
        }
    }

    @Test func `a key's own pause does not hide what its class allows`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("host:*", to: QueueLimit(concurrency: 2))
            try await queue.pauseLimit("host:a", for: .seconds(60))
            let heavy = NewJob.limited(1, LimitKey("host:a", weight: 3))
            #expect(try await queue.enqueue(heavy) == .tooHeavy(limit: "host:*"))
            #expect(try await queue.enqueue(.limited(1, LimitKey("host:a", weight: 2))) == .created(.blocked))
        }
    }

    @Test func `a key is not open while one that waits for it does not fit`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 4))
            _ = try await queue.enqueue([.limited(1, LimitKey("host:a", weight: 4)), .limited(2, "host:a")])
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 2))
            #expect(try await harness.claim(2, from: queue).isEmpty)
            let status = try #require(try await queue.limit(named: "host:a"))
            #expect(status.waiting == 2 && status.opening == .notByTime)
        }
    }

    @Test func `a paused key does not open at the end of an override`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 1))
            try await queue.overrideLimit("host:a", with: QueueLimit(concurrency: 5), for: .seconds(100))
            try await queue.pauseLimit("host:a")
            #expect(try await queue.limit(named: "host:a")?.opening == .notByTime)
            _ = try await queue.enqueue(.limited(1, "host:a"))
            #expect(try await queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 1)).nextDue == nil)
        }
    }
}
