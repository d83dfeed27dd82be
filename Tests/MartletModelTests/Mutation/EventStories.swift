// Short stories of what listeners are told, and of when they are.

import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Scenario {
    static let ofEvents = [
        Scenario(name: "a listener hears of pushes, starts, progress and ends") { real in
            try await real.listen()
            try await real.queue.configure(QueueSettingsChange(failed: Retention.none))
            let late = NewJob(id: real.id("late"), type: "t", payload: [1], delay: .milliseconds(500))
            _ = try await real.queue.enqueue([NewJob(id: real.id("a"), type: "t", payload: [1]), late])
            let first = try await real.claim(1)
            let beat = Heartbeat(id: first.id, token: first.token, progress: JobProgress(completed: 1))
            _ = try await real.queue.heartbeat(worker: "w", [beat])
            _ = try await real.settle(first, .failed(retryAfter: .zero, error: "no"))
            _ = try await real.settle(try await real.claim(2), .completed(output: nil))
            try await real.setClock(RealStore.start + 600)
            _ = try await real.settle(try await real.claim(3), .failedForGood(error: "no"))
            return try await real.told() == [
                "queue.configured", "pushed a queued", "pushed late scheduled", "started a active", "progress a active",
                "retrying a queued", "started a active", "completed a completed", "due late queued",
                "started late active", "failed late failed", "deleted late",
            ]
        },
        Scenario(name: "a listener hears of jobs that share a head, each by itself") { real in
            try await real.listen()
            _ = try await real.queue.enqueue(["a", "b"].map { NewJob(id: real.id($0), type: "t", payload: [1]) })
            return try await real.told() == ["pushed a queued", "pushed b queued"]
        },
        Scenario(name: "a listener hears of verbs, and not of dry runs") { real in
            try await real.listen()
            let id = real.id("a")
            _ = try await real.queue.enqueue(NewJob(id: id, type: "t", payload: [1]))
            _ = try await real.queue.preview(.cancel, [id])
            for verb in [ControlVerb.pause, .resume, .priority(3), .cancel, .retry] {
                _ = try await real.queue.control(verb, id)
            }
            return try await real.told().dropFirst() == [
                "paused a paused", "resumed a queued", "updated a queued", "cancelled a cancelled", "retried a queued",
            ]
        },
        Scenario(name: "a listener hears of losses, of last chances and of claims that were cut short") { real in
            try await real.queue.configure(QueueSettingsChange(lease: .milliseconds(50)))
            let id = real.id("a")
            _ = try await real.queue.enqueue(NewJob(id: id, type: "t", payload: [1]))
            try await real.listen()
            try await real.loseTwice(1)
            _ = try await real.queue.claim(ClaimRequest(worker: "w", number: 3, upTo: 1, lastChances: 0))
            try await real.command("ZREM", real.key("delayed"), "a")
            try await real.command("ZADD", real.key("active"), "1", "a")
            _ = try await real.queue.sweep()
            let told = try await real.told()
            return told == [
                "started a active", "lost a queued", "started a active", "lost a queued", "postponed a retrying",
                "released a queued",
            ]
        },
        Scenario(name: "a listener hears of pauses of the queue, and of that of all once") { real in
            try await real.listen()
            try await real.queue.pause(reason: "why", by: "me")
            try await real.queue.resume()
            try await real.store.pauseAll()
            try await real.store.repairGlobalPause()
            return try await real.told() == ["queue.paused", "queue.resumed", "queue.paused"]
        },
        Scenario(name: "a listener hears of repairs") { real in
            let id = real.id("a")
            _ = try await real.queue.enqueue(NewJob(id: id, type: "t", payload: [1]))
            try await real.listen()
            try await real.command("ZREM", real.key("queued"), "a")
            _ = try await real.queue.run(.repair, RedisArguments("job", "a", "0"))
            _ = try await real.queue.run(.repair, RedisArguments("job", "a", "1"))
            return try await real.told() == ["repaired a queued"]
        },
        Scenario(name: "the end of a queue is told, and its stream stays for a while") { real in
            try await real.listen()
            guard try await real.queue.delete() == .deleted(finished: 0) else { return false }
            // What was there before stays too.
            guard try await real.entries().count == 2 else { return false }
            return try await real.told() == ["queue.removed"]
        },
        Scenario(name: "a queue that is made while all are listened to tells its first job") { real in
            _ = try await real.queue.delete()
            try await real.command("HSET", real.store.globalKey, "listen_until", "\(Int.max / 1024)")
            _ = try await real.queue.enqueue(NewJob(id: real.id("a"), type: "t", payload: [1]))
            return try await real.told() == ["queue.created", "pushed a queued"]
        },
        Scenario(name: "who has gone is told nothing, and a sweep clears the plan") { real in
            try await real.listen(for: 1000)
            try await real.setClock(RealStore.start + 1001)
            _ = try await real.queue.enqueue(NewJob(id: real.id("a"), type: "t", payload: [1]))
            guard try await real.told().isEmpty else { return false }
            _ = try await real.queue.sweep()
            return try await real.command("HGET", real.key("meta"), "plan").string == ""
        },
        Scenario(name: "a time in which nobody listened, and a lost entry, are told to who comes back") { real in
            func gaps() async throws -> Int { try await real.entries().count { $0.isGap } }
            try await real.listen(for: 1000)
            try await real.listen(for: 1000)
            guard try await gaps() == 1 else { return false }
            try await real.setClock(RealStore.start + 1001)
            try await real.listen(for: 1000)
            guard try await gaps() == 2 else { return false }
            let lost = try await real.queue.run(.configure, RedisArguments("listen", "1000", "1-1")).array
            guard lost?.last?.int == 0, let last = lost?[1].string else { return false }
            let kept = try await real.queue.run(.configure, RedisArguments("listen", "1000", last)).array
            guard kept?.last?.int == 1 else { return false }
            try await real.command("DEL", real.key("events"))
            let anew = try await real.queue.run(.configure, RedisArguments("listen", "1000", "")).array
            return anew?[1].string != "0-0"
        },
    ]
}

extension RealStore {
    fileprivate func id(_ text: String) -> JobID {
        guard let id = JobID(text) else { preconditionFailure("\(text) is no id") }
        return id
    }

    /// Somebody listens to the queue for so many ms.
    func listen(for milliseconds: Int = 600_000) async throws {
        _ = try await queue.run(.configure, RedisArguments("listen", "\(milliseconds)", ""))
    }

    /// All entries of the queue's stream.
    func entries() async throws -> [EventEntry] {
        try await (command("XRANGE", key("events"), "-", "+").array ?? []).compactMap { EventEntry($0, of: queue.name) }
    }

    /// All that listeners are told.
    fileprivate func told() async throws -> [String] {
        try await entries().flatMap(\.events).map { event in
            [event.kind.rawValue, event.job?.description, event.state?.rawValue].compactMap(\.self).joined(
                separator: " ")
        }
    }

    fileprivate func settle(_ job: ClaimedJob, _ outcome: Settlement.Outcome) async throws -> SettleReply {
        try await queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome)])
    }
}
