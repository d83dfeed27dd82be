// Scenarios that random runs do not reach: damage, late messages, other versions.

import MartletJobs
import MartletRedis

@testable import MartletQueue

/// A short sequence of operations with an expected result.
struct Scenario: Sendable {
    var name: String
    /// Runs it on an empty queue; whether the result is as expected.
    var holds: @Sendable (RealStore) async throws -> Bool

    static let all =
        ofDamage + ofTime + ofStops + ofRoom + ofKeys + ofUnknownTypes + ofTokens + ofForeignKeys + ofRemoval + ofOrder
        + ofEvents + ofTrail + ofHistory + ofLimitObjects + ofLimits + ofExplanations
        + ofHolds

    private static let ofTime = [
        Scenario(name: "no more than 64 wake tokens") { real in
            for _ in 0..<70 { _ = try await real.push() }
            return try await real.view().wakeTokens == 64
        },
        Scenario(name: "a spent token is fenced") { real in
            guard let id = JobID(try await real.push()) else { return false }
            let request = ClaimRequest(worker: "w", number: 1, upTo: 1)
            guard let job = try await real.queue.claim(request).jobs.first else { return false }
            _ = try await real.queue.settle([Settlement(id: id, token: job.token, outcome: .failedForGood(error: ""))])
            let again = Settlement(id: id, token: "-" + job.token, outcome: .completed(output: nil))
            return try await real.queue.settle([again]).verdicts == [.fenced]
        },
        Scenario(name: "a backlog of finished jobs shrinks by one more than comes") { real in
            for number in 1...10 { try await real.complete(number) }
            try await real.setClock(RealStore.start + 90_000)
            try await real.queue.configure(QueueSettingsChange(completed: Retention(age: .seconds(86_400), count: 1)))
            try await real.complete(11)
            return try await real.queue.status()?.jobs[.completed] == 9
        },
        Scenario(name: "a slot freed by a dead worker wakes another") { real in
            try await real.queue.configure(QueueSettingsChange(limit: 1, lease: .milliseconds(50)))
            for _ in 0..<2 { _ = try await real.push() }
            let first = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 1)).jobs
            _ = try await real.queue.claim(ClaimRequest(worker: "v", number: 1, upTo: 1))
            _ = try await real.queue.control(.cancel, first.map(\.id))
            for tick in 1...4 {
                try await real.setClock(RealStore.start + 30 * tick)
                _ = try await real.queue.sweep()
            }
            let tokens = try await real.view().wakeTokens
            return try await real.queue.status()?.jobs[.active] == 0 ? tokens > 0 : false
        },
    ]

    private static let ofDamage = [
        Scenario(name: "an entry in two indexes is not claimed") { real in
            let id = try await real.push(delay: .seconds(60))
            try await real.command("ZADD", real.key("queued"), "1", id)
            return try await real.claimed().isEmpty
        },
        Scenario(name: "a job without a payload fails alone") { real in
            let id = try await real.push()
            let good = try await real.push()
            try await real.command("HDEL", real.key("job:\(id)"), "p")
            guard try await real.claimed() == [good], let broken = JobID(id) else { return false }
            return try await real.queue.job(broken)?.error == "corrupt"
        },
        Scenario(name: "an entry without a job is dropped and counted") { real in
            try await real.command("ZADD", real.key("queued"), "1", "ghost")
            try await real.command("HINCRBY", real.key("meta"), "created", "1")
            let status = { try await real.queue.status() }
            guard try await real.claimed().isEmpty, let now = try await status() else { return false }
            return now.repairedEver == 1 && now.ledgerDifference == 0 && now.total == 0
        },
        Scenario(name: "a late pause of all changes nothing") { real in
            try await real.store.pauseAll()
            try await real.store.resumeAll()
            try await GlobalFlag(paused: true, version: 1, reason: "", by: "").apply(to: real.queue)
            return try await real.queue.status()?.isPaused == false
        },
        Scenario(name: "a queue of a newer version is refused") { real in
            try await real.command("HSET", real.key("meta"), "schema", "2")
            do {
                _ = try await real.push()
                return false
            } catch let error as QueueError { return error.kind == .refused(.newerSchema("2")) }
        },
        Scenario(name: "the environment changes a setting only when it changes itself") { real in
            try await real.queue.applyEnvironment(QueueSettingsChange(limit: 3))
            try await real.queue.configure(QueueSettingsChange(limit: 6))
            try await real.queue.applyEnvironment(QueueSettingsChange(limit: 3))
            return try await real.queue.status()?.settings.limit == 6
        },
    ]
}

extension RealStore {
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
