// Short stories for what random runs do not reach: damage, late messages, other versions.

import MartletJobs
import MartletRedis

@testable import MartletQueue

/// A story with an end that is known.
struct Scenario: Sendable {
    var name: String
    /// Whether it ends as it should, on an empty queue.
    var holds: @Sendable (Stage) async throws -> Bool

    static let all =
        ofDamage + ofTime + ofStops + ofRoom + ofKeys + ofUnknownTypes + ofTokens + ofForeignKeys + ofRemoval + ofOrder
        + ofEvents

    private static let ofTime = [
        Scenario(name: "no more than 64 wake tokens") { stage in
            for _ in 0..<70 { _ = try await stage.push() }
            return try await stage.view().wakeTokens == 64
        },
        Scenario(name: "a spent token is fenced") { stage in
            guard let id = JobID(try await stage.push()) else { return false }
            let request = ClaimRequest(worker: "w", number: 1, upTo: 1)
            guard let job = try await stage.queue.claim(request).jobs.first else { return false }
            _ = try await stage.queue.settle([Settlement(id: id, token: job.token, outcome: .failedForGood(error: ""))])
            let again = Settlement(id: id, token: "-" + job.token, outcome: .completed(output: nil))
            return try await stage.queue.settle([again]).verdicts == [.fenced]
        },
        Scenario(name: "a backlog of finished jobs shrinks by one more than comes") { stage in
            for number in 1...10 { try await stage.complete(number) }
            try await stage.setClock(Stage.start + 90_000)
            try await stage.queue.configure(QueueSettingsChange(completed: Retention(age: .seconds(86_400), count: 1)))
            try await stage.complete(11)
            return try await stage.queue.status()?.jobs[.completed] == 9
        },
        Scenario(name: "room that a dead worker leaves wakes another") { stage in
            try await stage.queue.configure(QueueSettingsChange(limit: 1, lease: .milliseconds(50)))
            for _ in 0..<2 { _ = try await stage.push() }
            let first = try await stage.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 1)).jobs
            _ = try await stage.queue.claim(ClaimRequest(worker: "v", number: 1, upTo: 1))
            _ = try await stage.queue.control(.cancel, first.map(\.id))
            for tick in 1...4 {
                try await stage.setClock(Stage.start + 30 * tick)
                _ = try await stage.queue.sweep()
            }
            let tokens = try await stage.view().wakeTokens
            return try await stage.queue.status()?.jobs[.active] == 0 ? tokens > 0 : false
        },
    ]

    private static let ofDamage = [
        Scenario(name: "an entry in two indexes is not claimed") { stage in
            let id = try await stage.push(delay: .seconds(60))
            try await stage.command("ZADD", stage.key("queued"), "1", id)
            return try await stage.claimed().isEmpty
        },
        Scenario(name: "a job without a payload fails alone") { stage in
            let id = try await stage.push()
            let good = try await stage.push()
            try await stage.command("HDEL", stage.key("job:\(id)"), "p")
            guard try await stage.claimed() == [good], let broken = JobID(id) else { return false }
            return try await stage.queue.job(broken)?.error == "corrupt"
        },
        Scenario(name: "an entry without a job is dropped and counted") { stage in
            try await stage.command("ZADD", stage.key("queued"), "1", "ghost")
            try await stage.command("HINCRBY", stage.key("meta"), "created", "1")
            let status = { try await stage.queue.status() }
            guard try await stage.claimed().isEmpty, let now = try await status() else { return false }
            return now.repairedEver == 1 && now.ledgerDifference == 0 && now.total == 0
        },
        Scenario(name: "a late pause of all changes nothing") { stage in
            try await stage.store.pauseAll()
            try await stage.store.resumeAll()
            try await GlobalFlag(paused: true, version: 1, reason: "", by: "").apply(to: stage.queue)
            return try await stage.queue.status()?.isPaused == false
        },
        Scenario(name: "a queue of a newer version is left alone") { stage in
            try await stage.command("HSET", stage.key("meta"), "schema", "2")
            do {
                _ = try await stage.push()
                return false
            } catch let error as QueueError { return error.kind == .refused(.newerSchema("2")) }
        },
        Scenario(name: "the environment changes a setting only when it changes itself") { stage in
            try await stage.queue.applyEnvironment(QueueSettingsChange(limit: 3))
            try await stage.queue.configure(QueueSettingsChange(limit: 6))
            try await stage.queue.applyEnvironment(QueueSettingsChange(limit: 3))
            return try await stage.queue.status()?.settings.limit == 6
        },
    ]
}

extension Stage {
    fileprivate func push(delay: Duration = .zero) async throws -> String {
        let id = JobID.generate()
        _ = try await queue.enqueue(NewJob(id: id, type: "test", payload: [1], delay: delay))
        return id.description
    }

    func complete(_ number: Int) async throws {
        _ = try await push()
        let jobs = try await queue.claim(ClaimRequest(worker: "w", number: number, upTo: 1)).jobs
        _ = try await queue.settle(
            jobs.map { Settlement(id: $0.id, token: $0.token, outcome: .completed(output: nil)) })
    }

    func claimed(_ upTo: Int = 5) async throws -> [String] {
        try await queue.claim(ClaimRequest(worker: "w", number: 1, upTo: upTo)).jobs.map(\.id.description)
    }
}
