// The reference for explanations: what the next claim hands out, and which keys have no capacity for a job.

import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Model {
    /// The job that the next claim of one job hands out.
    var next: String? {
        var copy = self
        copy.touched = []
        _ = copy.perform(.claim(ClaimRequest(worker: "explain", number: 1, upTo: 1)))
        return copy.claims["explain"]?.ids.first
    }

    /// The keys that have no capacity for a job in line or a blocked one, each with the reason; those who may come back into line
    /// are there already.
    func obstacles(_ id: String) -> [String] {
        var copy = self
        copy.touched = []
        copy.touchDue()
        copy.reopen()
        guard limited > 0, let job = copy.jobs[id], job.index == .queued || job.index == .blocked else { return [] }
        return copy.keys(of: job).compactMap { one in
            copy.obstacle(id, job, one).map { reason in "\(one.key) \(reason)" }
        }
    }

    private func obstacle(_ id: String, _ job: Job, _ one: Weighted) -> WaitReason? {
        guard let limit = limit(of: one.key)?.limit else { return nil }
        let waits = job.index == .blocked && job.waitsFor?.key == one.key
        let others = waits ? standing()[one.key] ?? 0 : 0
        if closedUntil(limit) != nil { return .limitPause }
        if let most = limit.concurrency, (usage()[one.key] ?? 0) + others + one.weight > most {
            return .limitConcurrency
        }
        if !hasRoom(limit, one, others: others) { return .limitRate }
        guard let head = waiters(of: one.key).first, head != id, let first = jobs[head] else { return nil }
        return (first.score, head) < (job.score, id) ? .waiterAhead : nil
    }
}

extension Run {
    /// Where the store explains jobs otherwise than the model.
    func wrongExplanations(on real: RealStore) async throws -> [String] {
        let ids = model.jobs.keys.sorted().compactMap { JobID($0) }
        let found = try await real.explain(ids)
        let next = model.next
        var line: [String: Int] = [:]
        for (index, id) in model.line(.queued).enumerated() { line[id] = index }
        return zip(ids, found).flatMap { id, why -> [String] in
            let id = id.description
            guard let why, let job = model.jobs[id] else { return ["\(id) is not explained"] }
            var wrong: [String] = []
            func check<Value: Equatable>(_ what: String, _ store: Value, _ model: Value) {
                if store != model { wrong.append("\(id) \(what): store \(store), model \(model)") }
            }
            check("state", why.state, job.state)
            check("startable", why.isStartable, id == next)
            check("ahead", why.ahead, line[id])
            check("keys", why.keys.map { "\($0.name) \($0.reason)" }, Array(model.obstacles(id).prefix(8)))
            let waits = job.index != .active && !job.index.isFinal
            check("queue pause", why.reasons.contains(.queuePause), waits && model.pause != nil)
            check("pause of all", why.reasons.contains(.pauseOfAll), waits && model.pauseOfAll != nil)
            if why.state == .blocked { check("waits for", why.waitsFor, job.waitsFor?.key) }
            return wrong
        }
    }
}

extension RealStore {
    /// Explains jobs, all in one write.
    func explain(_ ids: [JobID]) async throws -> [JobExplanation?] {
        guard !ids.isEmpty else { return [] }
        let (function, keys) = (scripts[.explain], queue.keys.arguments)
        let replies = await store.redis.send(
            ids.map { .function(function, keys: keys, arguments: RedisArguments("job", $0.description)) })
        return try zip(ids, replies).map { id, reply in
            try queue.explanation(of: id, reply.get().array ?? [])
        }
    }
}
