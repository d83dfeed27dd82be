// Scenarios about limits that random runs do not reach: tags, overrides that end, drains.

import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Scenario {
    static let ofLimits = [
        Scenario(name: "an override ends at its time") { real in
            try await real.limit("h:a", "c=1 oc=2 ountil=\(RealStore.start + 1000)")
            _ = try await real.queue.enqueue((0..<4).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) })
            guard try await real.claimed().count == 2 else { return false }
            try await real.setClock(RealStore.start + 2000)
            let next = NewJob(type: "test", payload: [1], limits: ["h:a"])
            guard try await real.queue.enqueue(next) == .created(.blocked) else { return false }
            return try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 5)).jobs.isEmpty
        },
        Scenario(name: "an override keeps a key closed for as long as it counts") { real in
            try await real.limit("h:a", "c=2 oc=0 ountil=\(RealStore.start + 1000)")
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1], limits: ["h:a"]))
            let reply = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 5))
            guard reply.jobs.isEmpty, reply.nextDue == .seconds(1) else { return false }
            try await real.setClock(RealStore.start + 1000)
            return try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 5)).jobs.count == 1
        },
        Scenario(name: "who is cancelled is no longer among the waiters") { real in
            try await real.limit("h:a", "c=1")
            let jobs = (0..<3).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) }
            _ = try await real.queue.enqueue(jobs)
            guard try await real.claimed().count == 1 else { return false }
            _ = try await real.queue.control(.cancel, jobs[2].id)
            let waiters = try await real.command("ZRANGE", real.key("waits:h:a"), "0", "-1").array ?? []
            return waiters.compactMap(\.string) == [jobs[1].id.description]
        },
        Scenario(name: "a tag has a limit") { real in
            try await real.limit("tag:slow", "c=1")
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1], tags: ["x", "slow"]) }
            _ = try await real.queue.enqueue(jobs)
            return try await real.claimed() == [jobs[0].id.description]
        },
        Scenario(name: "a drain in steps lets who is left run") { real in
            try await real.limit("h:a", "c=2")
            let heavy = NewJob(type: "test", payload: [1], priority: 5, limits: [LimitKey("h:a", weight: 2)])
            let light = NewJob(type: "test", payload: [1], limits: ["h:a"])
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1], limits: ["h:a"]))
            guard try await real.claimed().count == 1 else { return false }
            guard try await real.queue.enqueue([heavy, light]) == [.created(.blocked), .created(.blocked)] else {
                return false
            }
            _ = try await real.queue.run(.remove, RedisArguments("drain", "1"))
            return try await real.queue.job(light.id)?.state == .queued
        },
        Scenario(name: "who waits for a limit that is removed is back in line at once, and wakes a worker") { real in
            try await real.queue.setLimit("h:a", to: QueueLimit(concurrency: 1))
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) }
            _ = try await real.queue.enqueue(jobs)
            guard try await real.claimed().count == 1 else { return false }
            guard try await real.queue.removeLimit("h:a") else { return false }
            guard try await real.queue.job(jobs[1].id)?.state == .queued else { return false }
            return try await real.view().wakeTokens > 0
        },
        Scenario(name: "listeners hear that a job waits, and that it is back") { real in
            try await real.listen(for: 600_000)
            try await real.limit("h:a", "c=1")
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) }
            _ = try await real.queue.enqueue(jobs)
            let held = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 2)).jobs
            _ = try await real.queue.settle(
                held.map { Settlement(id: $0.id, token: $0.token, outcome: .completed(output: nil)) })
            let words = (try await real.command("XRANGE", real.key("events"), "-", "+").array ?? [])
                .flatMap { $0.array?.last?.array?.compactMap(\.string) ?? [] }
            return words.contains("=blocked") && words.contains("=unblocked")
        },
        Scenario(name: "whoever waits is woken for an opening of which nobody was told") { real in
            _ = try await real.queue.settle(real.endThatNotesOpening(ClaimRequest(worker: "w", number: 1, upTo: 2)))
            guard try await real.view().wakeTokens == 1 else { return false }
            try await real.limit("h:b", "n=1 per=100 burst=1")
            try await real.command("ZADD", real.key("rates"), "\(RealStore.start + 50)", "h:b")
            try await real.command("DEL", real.key("wake"))
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1], limits: ["h:b"]))
            return try await real.view().wakeTokens == 1
        },
        Scenario(name: "a worker is woken for an opening when the claim of the turn is a replay") { real in
            let claim = ClaimRequest(worker: "w", number: 1, upTo: 2)
            _ = try await real.queue.turn(settle: real.endThatNotesOpening(claim), claim: claim)
            return try await real.view().wakeTokens == 1
        },
        Scenario(name: "a claim that tells its worker of an opening wakes no other") { real in
            try await real.limit("h:a", "n=1 per=600 burst=1")
            _ = try await real.queue.enqueue((0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) })
            let reply = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 2))
            return try await real.view().wakeTokens == 0 && reply.jobs.count == 1
        },
        Scenario(name: "what another rate has left is bounded once") { real in
            try await real.queue.setLimit("h:a", to: QueueLimit(rate: LimitRate(count: 1, per: .seconds(86_400))))
            _ = try await real.queue.enqueue((0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) })
            guard try await real.claimed().count == 1 else { return false }
            try await real.queue.setLimit("h:a", to: QueueLimit(rate: LimitRate(count: 1, per: .seconds(10))))
            try await real.setClock(RealStore.start + 10_000)
            return try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 5)).jobs.count == 1
        },
        Scenario(name: "a job that its worker does not know has not started") { real in
            try await real.limit("h:a", "n=1 per=600000 burst=2")
            _ = try await real.queue.enqueue((0..<3).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) })
            let held = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 2)).jobs
            let outcome = Settlement.Outcome.unknownType(retryAfter: .zero, error: "no")
            _ = try await real.queue.settle(
                held.prefix(1).map { Settlement(id: $0.id, token: $0.token, outcome: outcome) })
            return try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 5)).jobs.count == 1
        },
        Scenario(name: "a key's own pause does not hide the limit of its class") { real in
            try await real.queue.setLimit("h:*", to: QueueLimit(concurrency: 2))
            try await real.queue.pauseLimit("h:a", for: .seconds(60))
            let heavy = NewJob(type: "test", payload: [1], limits: [LimitKey("h:a", weight: 3)])
            return try await real.queue.enqueue(heavy) == .tooHeavy(limit: "h:*")
        },
        Scenario(name: "a paused key does not open at the end of an override") { real in
            try await real.limit("h:a", "c=1 oc=2 ountil=\(RealStore.start + 1000) paused=1")
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1], limits: ["h:a"]))
            return try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 5)).nextDue == nil
        },
        Scenario(name: "who waits for a key of a class that is removed is back in line at once") { real in
            try await real.queue.setLimit("h:*", to: QueueLimit(concurrency: 1))
            _ = try await real.queue.enqueue((0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) })
            guard try await real.claimed().count == 1 else { return false }
            guard try await real.queue.removeLimit("h:*") else { return false }
            return try await real.queue.status()?.jobs[.queued] == 1
        },
        Scenario(name: "a key is closed while one that waits for it does not fit") { real in
            try await real.queue.setLimit("h:a", to: QueueLimit(concurrency: 4))
            let heavy = NewJob(type: "test", payload: [1], limits: [LimitKey("h:a", weight: 4)])
            _ = try await real.queue.enqueue(heavy)
            try await real.queue.setLimit("h:a", to: QueueLimit(concurrency: 2))
            guard try await real.claimed().isEmpty else { return false }
            return try await real.queue.limit(named: "h:a")?.opening == .notByTime
        },
        Scenario(name: "a job that comes back by another's end is there for others") { real in
            try await real.limit("h:a", "c=1")
            try await real.limit("h:b", "c=1")
            let one = NewJob(type: "test", payload: [1], limits: ["h:a"])
            let both = NewJob(type: "test", payload: [2], limits: ["h:a", "h:b"])
            let last = NewJob(type: "test", payload: [3], limits: ["h:a"])
            _ = try await real.queue.enqueue([one, NewJob(type: "test", payload: [4], limits: ["h:b"])])
            let running = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 2)).jobs
            _ = try await real.queue.enqueue([both, last])
            _ = try await real.queue.settle(
                running.prefix(1).map { Settlement(id: $0.id, token: $0.token, outcome: .completed(output: nil)) })
            // It stands in line again, and the other key is in its way: who waits behind it for the first one comes instead.
            let reply = try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 1))
            guard reply.jobs.isEmpty, reply.nextDue == .zero else { return false }
            return try await real.view().wakeTokens > 0
        },
    ]
}

extension RealStore {
    /// Two jobs of a key with a rate, of which this claim takes the first: its end, which notes when the second may start.
    ///
    /// All wake tokens are consumed.
    fileprivate func endThatNotesOpening(_ claim: ClaimRequest) async throws -> [Settlement] {
        try await limit("h:a", "c=1 n=1 per=600 burst=1")
        _ = try await queue.enqueue((0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) })
        let held = try await queue.claim(claim).jobs
        try await command("DEL", key("wake"))
        return held.map { Settlement(id: $0.id, token: $0.token, outcome: .completed(output: nil)) }
    }

    fileprivate func limit(_ name: String, _ text: String) async throws {
        try await command("HSET", key("limits"), name, text)
        let mask = name.hasPrefix("tag:") ? 5 : 1
        try await command("HSET", key("meta"), "limited", "\(mask)")
        _ = try await queue.run(.configure, RedisArguments("set"))
    }
}
