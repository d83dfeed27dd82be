// Mistakes in explanations, and short stories that notice them.

import MartletJSON
import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Mutant {
    static let ofExplanations = [
        Mutant("each key of a job is named", .explain, "explain-capacity", .removed),
        Mutant(
            "rate and concurrency are exchanged", .explain, "explain-part",
            .replaced("'rate' or 'concurrency'", "'concurrency' or 'rate'")),
        Mutant("keys that open by time are forgotten", .explain, "explain-opens", .never),
        Mutant("due jobs are forgotten", .explain, "explain-due", .removed),
        Mutant("damaged jobs are handed out", .explain, "explain-sound", .never),
        Mutant("limits are forgotten", .explain, "explain-runs", .replaced("not obstacle", "true")),
        Mutant("who comes into line stands last", .explain, "explain-order", .removed),
        Mutant("a paused queue hands out jobs", .explain, "explain-halted", .removed),
        Mutant("a full queue hands out jobs", .explain, "explain-full", .removed),
        Mutant("who is back in line does not count", .explain, "explain-standing", .becomes("local others = 0")),
        Mutant("who comes back into line still waits", .explain, "explain-came", .removed),
        Mutant("nobody knows a place in line", .explain, "explain-rank", .removed),
    ]
}

extension RealStore {
    /// Whether explanations call that job startable which the next claim of one job then hands out, and no other.
    fileprivate func explainsNextClaim(_ expected: JobID?, of ids: [JobID]) async throws -> Bool {
        let startable = try await explain(ids).compactMap { $0 }.filter(\.isStartable).map(\.id)
        guard startable == (expected.map { [$0] } ?? []) else { return false }
        let request = ClaimRequest(worker: "explained", number: 1, upTo: 1)
        return try await queue.claim(request).jobs.map(\.id) == startable
    }

    fileprivate func push(
        _ id: String, keys: [LimitKey] = [], priority: Int = 0, delay: Duration = .zero
    ) async throws -> JobID {
        let job = try NewJob(
            id: JobID(validating: id), type: "t", payload: [1], priority: priority, delay: delay, limits: keys)
        _ = try await queue.enqueue(job)
        return job.id
    }
}

extension Scenario {
    static let ofExplanations = [
        Scenario(name: "a key that opens by time lets its first waiter start") { real in
            let rate = LimitRate(count: 1, per: .seconds(10), burst: 1)
            try await real.queue.setLimit("h:a", to: QueueLimit(rate: rate))
            let ids = [try await real.push("a", keys: ["h:a"]), try await real.push("b", keys: ["h:a"])]
            let jobs = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 2)).jobs
            guard jobs.map(\.id) == [ids[0]], let why = try await real.queue.explain(ids[1]) else { return false }
            guard why.reasons == [.limitRate], !why.isStartable, why.keys.first?.opensAt != nil else { return false }
            try await real.setClock(RealStore.start + 10_000)
            guard try await real.queue.explain(ids[1])?.keys.isEmpty == true else { return false }
            return try await real.explainsNextClaim(ids[1], of: ids)
        },
        Scenario(name: "a due job comes into line at its own place before a claim") { real in
            let ids = [try await real.push("a"), try await real.push("b", priority: 5, delay: .seconds(1))]
            guard try await real.queue.explain(ids[1])?.reasons == [.time] else { return false }
            try await real.setClock(RealStore.start + 2000)
            return try await real.explainsNextClaim(ids[1], of: ids)
        },
        Scenario(name: "nothing starts in a queue that is paused, or runs as many jobs as it may") { real in
            let ids = [try await real.push("a"), try await real.push("b")]
            try await real.queue.pause(reason: "tea", by: "ada")
            let paused = try await real.queue.explain(ids[0])
            guard paused?.reasons == [.queuePause, .line], paused?.isStartable == false,
                paused?.sentences.contains("The queue q is paused by ada (tea).") == true
            else { return false }
            try await real.queue.resume()
            try await real.queue.configure(QueueSettingsChange(limit: 1))
            _ = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 1))
            let full = try await real.queue.explain(ids[1])
            guard full?.reasons == [.queueConcurrency, .line], full?.ahead == 0 else { return false }
            return try await real.explainsNextClaim(nil, of: ids)
        },
        Scenario(name: "a job without a payload is not the next one, nor one whose key is full") { real in
            try await real.queue.setLimit("h:a", to: QueueLimit(concurrency: 1))
            let ids = [
                try await real.push("a", keys: ["h:a"]), try await real.push("b"),
                try await real.push("c", keys: ["h:a"]), try await real.push("d"),
            ]
            _ = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 1))
            try await real.command("HDEL", real.key("job:b"), "p")
            let key = try await real.queue.explain(ids[2])?.keys.first
            guard key?.reason == .limitConcurrency, key?.limit?.holders.map(\.job) == [ids[0]] else { return false }
            return try await real.explainsNextClaim(ids[3], of: ids)
        },
        Scenario(name: "a claim takes as many jobs in their last chance as it may, without those that wait") { real in
            try await real.queue.configure(QueueSettingsChange(lease: .milliseconds(50)))
            let ids = [try await real.push("a", keys: ["h:a"]), try await real.push("b"), try await real.push("c")]
            try await real.loseTwice(3)
            try await real.queue.setLimit("h:a", to: QueueLimit(concurrency: 1))
            let first = try await real.push("d", keys: ["h:a"], priority: 1)
            guard try await real.queue.claim(ClaimRequest(worker: "w", number: 3, upTo: 1)).jobs.map(\.id) == [first]
            else { return false }
            guard try await real.explain(ids).map({ $0?.isStartable }) == [false, true, false] else { return false }
            let request = ClaimRequest(worker: "w", number: 4, upTo: 4, lastChances: 1)
            return try await real.queue.claim(request).jobs.map(\.id) == [ids[1]]
        },
        Scenario(name: "who is back in line comes before who waits") { real in
            try await real.queue.setLimit("h:a", to: QueueLimit(concurrency: 1))
            let ids = [
                try await real.push("a", keys: ["h:a"]), try await real.push("b", keys: ["h:a"]),
                try await real.push("c", keys: ["h:a"]),
            ]
            let jobs = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 3)).jobs
            _ = try await real.queue.settle(
                jobs.map { Settlement(id: $0.id, token: $0.token, outcome: .completed(output: nil)) })
            let key = try await real.queue.explain(ids[2])?.keys.first
            guard key?.reason == .limitConcurrency, key?.standing == 1 else { return false }
            return try await real.explainsNextClaim(ids[1], of: ids)
        },
    ]
}
