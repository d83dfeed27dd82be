// Mistakes in the holds of throttled keys, and short stories that notice them.

import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Mutant {
    static let ofHolds = [
        Mutant("a hold closes nothing", .usage, "hold-read", .removed),
        Mutant("a hold never ends", .holds, "hold-over", .replaced("till <= q.now or ", "")),
        Mutant(
            "a hold shortens the pause of its key", .holds, "hold-longest",
            .replaced("max(till, both.closed_until or 0)", "till")),
        Mutant(
            "a hold lasts as long as was asked for", .holds, "hold-bound",
            .replaced("min(max(1, ms), MOST_HELD_MS)", "max(1, ms)")),
        Mutant("a hold shortens a longer one", .holds, "hold-kept", .removed),
        Mutant("a hold is not written", .holds, "hold-stored", .removed),
        Mutant("the plan does not tell of holds", .holds, "hold-counted", .never),
        Mutant("a key that the call knows is not held", .holds, "hold-met", .never),
        Mutant(
            "the weight of a throttled job is that of another key", .holds, "hold-weight",
            .replaced("name == key", "true")),
        Mutant("a job does not have its type", .holds, "hold-type", .never),
        Mutant("a job does not have its tags", .holds, "hold-tag", .never),
        Mutant("holds that are over stay", .holds, "holds-swept", .removed),
        Mutant("sweeps do not look at holds", .sweep, "sweep-holds", .removed),
        Mutant("an operator cannot end a hold", .holds, "hold-lifted", .removed),
        Mutant("who waits for a hold stays when an operator ends it", .limit, "hold-reset", .removed),
        Mutant("a throttled job waits for nothing", .attempts, "throttled-waits", .removed),
        Mutant("a throttled job does not name its key", .attempts, "throttled-names", .replaced("'lw'", "'zz'")),
        Mutant(
            "a key is held for a job that has it not", .attempts, "throttled-alone", .replaced("max(1, delay)", "nil")),
        Mutant("no key is held", .attempts, "throttled-held", .never),
        Mutant("nobody hears that a throttled job waits", .attempts, "throttled-told", .never),
        Mutant("the kinds of limits forget the holds", .limits, "limited-holds", .never),
        Mutant("what is known of a key does not say that it is held", .limitstatus, "status-held", .removed),
        Mutant("held keys are in no list", .read, "names-held", .becomes("local held = {}")),
    ]
}

extension RealStore {
    /// Claims one job and ends it as throttled by a key.
    fileprivate func throttle(_ key: String, for wait: Duration, number: Int, reason: String = "429") async throws
        -> SettleVerdict?
    {
        let job = try await queue.claim(ClaimRequest(worker: "w", number: number, upTo: 1)).jobs.first
        guard let job else { return nil }
        let outcome = Settlement.Outcome.throttled(key: key, after: wait, reason: reason)
        return try await queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome)]).verdicts.first
    }
}

extension Scenario {
    static let ofHolds = [
        Scenario(name: "a tag is held, for at most a day, until an operator ends it") { real in
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1], tags: ["x", "slow"]) }
            _ = try await real.queue.enqueue(jobs)
            guard try await real.throttle("tag:slow", for: .seconds(200_000), number: 1) == .settled(.blocked) else {
                return false
            }
            let claimed = try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 5))
            guard claimed.jobs.isEmpty, claimed.nextDue == .seconds(86_400) else { return false }
            let held = try await real.queue.limit(named: "tag:slow")?.throttle
            guard held?.reason == "429", try await real.queue.limits().limits.map(\.name) == ["tag:slow"] else {
                return false
            }
            guard try await real.queue.resetLimit("tag:slow"), try await !real.queue.resetLimit("tag:slow") else {
                return false
            }
            return try await real.queue.claim(ClaimRequest(worker: "w", number: 3, upTo: 5)).jobs.count == 2
        },
        Scenario(name: "a shorter hold does not end a longer one, and a sweep forgets what is over") { real in
            _ = try await real.queue.enqueue((0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) })
            _ = try await real.throttle("h:a", for: .seconds(60), number: 1)
            try await real.queue.resetLimit("h:a")
            let jobs = try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 2)).jobs
            for (job, wait) in zip(jobs, [60, 5]) {
                let outcome = Settlement.Outcome.throttled(key: "h:a", after: .seconds(wait), reason: "")
                _ = try await real.queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome)])
            }
            try await real.setClock(RealStore.start + 10_000)
            let held = try await real.queue.claim(ClaimRequest(worker: "w", number: 3, upTo: 2))
            guard jobs.count == 2, held.jobs.isEmpty, held.nextDue == .seconds(50) else { return false }
            try await real.setClock(RealStore.start + 61_000)
            _ = try await real.queue.sweep()
            return try await real.command("EXISTS", real.key("throttled")).int == 0
        },
        Scenario(name: "a type is held") { real in
            _ = try await real.queue.enqueue((0..<2).map { _ in NewJob(type: "test", payload: [1]) })
            guard try await real.throttle("type:test", for: .seconds(9), number: 1) == .settled(.blocked) else {
                return false
            }
            return try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 5)).jobs.isEmpty
        },
        Scenario(name: "the reset of a hold brings who waits back at once") { real in
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1], limits: ["h:a"]))
            _ = try await real.throttle("h:a", for: .seconds(60), number: 1)
            guard try await real.queue.resetLimit("h:a") else { return false }
            return try await real.queue.status()?.jobs[.queued] == 1
        },
        Scenario(name: "a hold ends neither before the pause of its key nor before a longer hold") { real in
            _ = try await real.queue.enqueue((0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) })
            let jobs = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 2)).jobs
            for (job, wait) in zip(jobs, [60, 5]) {
                let outcome = Settlement.Outcome.throttled(key: "h:a", after: .seconds(wait), reason: "")
                _ = try await real.queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome)])
            }
            try await real.queue.pauseLimit("h:a", for: .seconds(90))
            try await real.setClock(RealStore.start + 30_000)
            let held = try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 2))
            guard held.jobs.isEmpty, held.nextDue == .seconds(60) else { return false }
            try await real.setClock(RealStore.start + 75_000)
            guard try await real.queue.claim(ClaimRequest(worker: "w", number: 3, upTo: 2)).jobs.isEmpty else {
                return false
            }
            try await real.setClock(RealStore.start + 91_000)
            return try await real.queue.claim(ClaimRequest(worker: "w", number: 4, upTo: 2)).jobs.count == 2
        },
        Scenario(name: "a job without the key waits alone") { real in
            _ = try await real.queue.enqueue((0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:b"]) })
            guard try await real.throttle("h:a", for: .zero, number: 1) == .settled(.retrying) else { return false }
            return try await real.command("EXISTS", real.key("throttled")).int == 0
        },
        Scenario(name: "a key that another end of the same call has read is held too") { real in
            try await real.queue.setLimit("h:a", to: QueueLimit(concurrency: 5))
            _ = try await real.queue.enqueue((0..<2).map { _ in NewJob(type: "test", payload: [1], limits: ["h:a"]) })
            let jobs = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 2)).jobs
            _ = try await real.queue.settle(
                [60, 90].enumerated().map { index, wait in
                    let outcome = Settlement.Outcome.throttled(key: "h:a", after: .seconds(wait), reason: "")
                    return Settlement(id: jobs[index].id, token: jobs[index].token, outcome: outcome)
                })
            try await real.setClock(RealStore.start + 1000)
            let reply = try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 1))
            return reply.jobs.isEmpty && reply.nextDue == .seconds(89)
        },
        Scenario(name: "listeners hear that a throttled job waits") { real in
            try await real.listen(for: 600_000)
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1], limits: ["h:a"]))
            _ = try await real.throttle("h:a", for: .seconds(60), number: 1)
            let words = (try await real.command("XRANGE", real.key("events"), "-", "+").array ?? [])
                .flatMap { $0.array?.last?.array?.compactMap(\.string) ?? [] }
            return words.contains("=blocked")
        },
    ]
}
