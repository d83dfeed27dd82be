// Applies an operation to the real store, and returns its reply as text.

import FoundationEssentials
import MartletJobs
import MartletRedis

@testable import MartletQueue

extension RealStore {
    /// Applies the operation; `now` is the model's clock after it.
    func perform(_ operation: Operation, now: Int) async throws -> String {
        switch operation {
        case .clock: try await setClock(now)
        case .flushScripts: try await flushScripts()
        case .restart: try await restart()
        case .swallowed(let inner):
            guard let script = inner.script else { return "nothing to lose" }
            return try await swallow(script) { queue in _ = try await perform(inner, on: queue) }
        case .pauseAll(let reason): try await store.pauseAll(reason: reason, by: "tester")
        case .resumeAll: try await store.resumeAll()
        default:
            do { return try await perform(operation, on: queue) } catch let error as QueueError {
                guard case .refused = error.kind else { return "\(error)" }
                return "refused"
            }
        }
        return "ok"
    }

    private func perform(_ operation: Operation, on queue: Queue) async throws -> String {
        switch operation {
        case .push(let jobs): return "\(try await queue.enqueue(jobs))"
        case .pushAtomically(let jobs): return "\(try await queue.enqueueAtomically(jobs))"
        case .pushRaw(let id, let terms): return try await pushRaw(id, terms)
        case .claim(let request): return Words.claim(try await queue.claim(request))
        case .settle(let ends): return Words.settled(try await queue.settle(ends))
        case .turn(let ends, let request):
            let turn = try await queue.turn(settle: ends, claim: request)
            return Words.settled(turn.settled) + "; " + (turn.claimed.map { Words.claim($0) } ?? "nothing")
        case .heartbeat(let worker, let info, let lease, let heartbeats):
            let reply = try await queue.heartbeat(
                worker: worker, info: info, lease: lease.map { .milliseconds($0) }, heartbeats)
            return "\(reply.verdicts) stops \(reply.stops)"
        case .control(let verb, let ids): return "\(try await queue.control(verb, ids))"
        case .retryWith(let payload, let id): return "\([try await queue.retry(id, payload: payload)])"
        case .edit(let payload, .patch(let priority, let start, let retries), let id):
            return
                "\([try await queue.edit(id, payload: payload, priority: priority, start: start, maxRetries: retries)])"
        case .sweep:
            let report = try await queue.sweep()
            let back = report.takenBack.map { ($0.key.description, $0.value) }
            return Words.swept(report.promoted, report.forgotten, Dictionary(uniqueKeysWithValues: back))
        case .limit(let name, let limit): return try await setLimit(name, limit, queue)
        case .configure(let settings): return try await configure(settings)
        default: return try await steerOrLook(operation, queue)
        }
    }

    private func steerOrLook(_ operation: Operation, _ queue: Queue) async throws -> String {
        switch operation {
        case .pause(let reason): try await queue.pause(reason: reason, by: "tester")
        case .resume: try await queue.resume()
        case .look(let ids):
            return zip(ids, try await queue.jobs(ids)).map { id, record in
                record.map { Words.record($0) } ?? "\(id) none"
            }.joined(separator: "\n")
        case .list:
            var (seen, cursor) = ([String](), JobCursor?.none)
            repeat {
                let page = try await queue.list(after: cursor, limit: 3)
                seen += page.jobs.map(\.id.description)
                cursor = page.next
            } while cursor != nil
            return "\(seen)"
        default: return "not for a queue"
        }
        return "ok"
    }

    private func pushRaw(_ id: String, _ terms: String) async throws -> String {
        let value = try await queue.run(.enqueue, RedisArguments("each", terms.isEmpty ? "1" : terms, "test", id, "{}"))
        return (value.array?.last?.array ?? []).compactMap(\.string).joined(separator: " ")
    }

    /// Sets or removes a limit, and has the next claim or sweep look at all keys that jobs wait for.
    private func setLimit(_ name: String, _ limit: Model.Limit?, _ queue: Queue) async throws -> String {
        if let limit {
            try await command("HSET", key("limits"), name, limit.text)
        } else {
            try await command("HDEL", key("limits"), name)
        }
        let names = (try await command("HKEYS", key("limits")).array ?? []).compactMap(\.string)
        let waiting = (try await command("ZRANGE", key("opens"), "0", "-1").array ?? []).compactMap(\.string)
        for one in waiting { try await command("ZADD", key("opens"), "0", one) }
        let held = (try await command("HKEYS", key("throttled")).array ?? []).compactMap(\.string)
        let mask =
            (names.isEmpty ? 0 : 1) + ((names + held).contains { $0.hasPrefix("type:") } ? 2 : 0)
            + (waiting.isEmpty ? 0 : 16) + (held.isEmpty ? 0 : 32)
        try await command("HSET", key("meta"), "limited", "\(mask)")
        if mask == 0 { try await command("HDEL", key("meta"), "limited") }
        return (try await queue.run(.configure, RedisArguments("set")).array ?? []).compactMap(\.string).last ?? ""
    }

    private func configure(_ settings: [Operation.Setting]) async throws -> String {
        var arguments = RedisArguments("set")
        for setting in settings {
            arguments.append(setting.name)
            arguments.append(setting.value)
        }
        let words = (try await queue.run(.configure, arguments).array ?? []).compactMap(\.string)
        return words.last ?? ""
    }
}

extension Words {
    static func settled(_ reply: SettleReply) -> String { "\(reply.verdicts) stops \(reply.stops)" }

    static func claim(_ reply: ClaimReply) -> String {
        let jobs = reply.jobs.map { job in
            claimed(
                "\(job.id) \(job.token)", job.type, job.payload, job.priority, job.failures, job.lost, job.maxRetries,
                job.timeout?.inMilliseconds, job.checkpoint, job.waited?.inMilliseconds)
        }
        return claim(
            reply.status, jobs, reply.lease.inMilliseconds, reply.nextDue?.inMilliseconds, reply.stops)
    }

    static func record(_ job: JobRecord) -> String {
        record(
            job.id.description, job.state, job.priority, job.maxRetries,
            [job.claims, job.failures, job.lost, job.attempt], job.error, job.progress?.stored, job.wanted,
            [job.startedAt, job.finishedAt, job.dueAt, job.leaseUntil].map { date in
                date.map { Int(($0.timeIntervalSince1970 * 1000).rounded()) }
            })
    }
}
