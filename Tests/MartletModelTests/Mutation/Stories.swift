// More short stories: stops that are wanted, places that are kept, room that is made, and keys that are held.

import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Scenario {
    static let ofStops = [
        Scenario(name: "a running job that is to pause is paused when it is given back") { stage in
            let job = try await stage.pushAndClaim()
            _ = try await stage.queue.control(.pause, job.id)
            let back = Settlement(id: job.id, token: job.token, outcome: .released(after: nil))
            guard try await stage.queue.settle([back]).verdicts == [.settled(.paused)] else { return false }
            return try await stage.queue.job(job.id)?.wanted == nil
        },
        Scenario(name: "a beat with another's token is fenced") { stage in
            let job = try await stage.pushAndClaim()
            let beat = Heartbeat(id: job.id, token: "1:other")
            return try await stage.queue.heartbeat(worker: "v", [beat]).verdicts == [.fenced]
        },
        Scenario(name: "a wanted stop ends renewals") { stage in
            let job = try await stage.pushAndClaim()
            _ = try await stage.queue.control(.cancel, job.id)
            try await stage.setClock(Stage.start + 20_000)
            let beat = Heartbeat(id: job.id, token: job.token)
            return try await stage.queue.heartbeat(worker: "w", [beat]).verdicts == [
                .held(.seconds(10), wanted: .cancel)
            ]
        },
        Scenario(name: "a job that was set aside comes back to its place") { stage in
            let first = NewJob(type: "test", payload: [1], priority: 5)
            _ = try await stage.queue.enqueue(first)
            try await stage.setClock(Stage.start + 10)
            _ = try await stage.queue.enqueue(NewJob(type: "test", payload: [1], priority: 5))
            try await stage.setClock(Stage.start + 20)
            _ = try await stage.queue.control(.pause, first.id)
            _ = try await stage.queue.control(.resume, first.id)
            return try await stage.claimed(1) == [first.id.description]
        },
        Scenario(name: "a pause does not undo a cancel that is wanted") { stage in
            let job = try await stage.pushAndClaim()
            _ = try await stage.queue.control(.cancel, job.id)
            _ = try await stage.queue.control(.pause, job.id)
            return try await stage.queue.job(job.id)?.wanted == .cancel
        },
        Scenario(name: "a job that was set aside before its time still waits for it") { stage in
            let job = NewJob(type: "test", payload: [1], delay: .seconds(60))
            _ = try await stage.queue.enqueue(job)
            _ = try await stage.queue.control(.pause, job.id)
            _ = try await stage.queue.control(.resume, job.id)
            return try await stage.claimed().isEmpty
        },
        Scenario(name: "a failed attempt of a job that is to be cancelled cancels it") { stage in
            let job = try await stage.pushAndClaim()
            _ = try await stage.queue.control(.cancel, job.id)
            let end = Settlement(id: job.id, token: job.token, outcome: .failed(retryAfter: .zero, error: "no"))
            return try await stage.queue.settle([end]).verdicts == [.settled(.cancelled)]
        },
        Scenario(name: "a replay renews the lease") { stage in
            _ = try await stage.queue.enqueue(NewJob(type: "test", payload: [1]))
            let request = ClaimRequest(worker: "w", number: 1, upTo: 1)
            guard let job = try await stage.queue.claim(request).jobs.first else { return false }
            // So early that a beat alone would not renew it.
            try await stage.setClock(Stage.start + 5000)
            _ = try await stage.queue.claim(request)
            let beat = Heartbeat(id: job.id, token: job.token)
            return try await stage.queue.heartbeat(worker: "w", [beat]).verdicts == [.held(.seconds(30), wanted: nil)]
        },
        Scenario(name: "a beat never shortens a lease") { stage in
            let job = try await stage.pushAndClaim(NewJob(type: "test", payload: [1], timeout: .seconds(1)))
            try await stage.setClock(Stage.start + 15_000)
            let beat = Heartbeat(id: job.id, token: job.token)
            return try await stage.queue.heartbeat(worker: "w", [beat]).verdicts == [.held(.seconds(15), wanted: nil)]
        },
        Scenario(name: "a higher priority comes first") { stage in
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1]) }
            _ = try await stage.queue.enqueue(jobs)
            _ = try await stage.queue.control(.priority(5), jobs[1].id)
            return try await stage.claimed(1) == [jobs[1].id.description]
        },
    ]

    static let ofRoom = [
        Scenario(name: "one of two with the same unique key in one push gets in") { stage in
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1], uniqueKey: "k") }
            return try await stage.queue.enqueue(jobs) == [.created(.queued), .uniqueKeyTaken(by: jobs[0].id)]
        },
        Scenario(name: "finished jobs of the last minute stay") { stage in
            try await stage.queue.configure(QueueSettingsChange(completed: Retention(age: .seconds(3600), count: 1)))
            for number in 1...3 { try await stage.complete(number) }
            return try await stage.queue.status()?.jobs[.completed] == 3
        },
        Scenario(name: "room that an end makes under a limit wakes a worker") { stage in
            let job = try await stage.fillToLimit()
            let end = Settlement(id: job.id, token: job.token, outcome: .completed(output: nil))
            _ = try await stage.queue.settle([end])
            return try await stage.view().wakeTokens > 0
        },
        Scenario(name: "a higher limit wakes a worker") { stage in
            _ = try await stage.fillToLimit()
            try await stage.queue.configure(QueueSettingsChange(limit: 2))
            return try await stage.view().wakeTokens > 0
        },
    ]
}

extension Scenario {
    static let ofKeys = [
        Scenario(name: "a deleted id is told from a new one") { stage in
            let job = NewJob(digest: "d1", type: "test", payload: [1])
            try await stage.failForGood(job)
            _ = try await stage.queue.control(.delete, job.id)
            var other = job
            other.digest = "d2"
            return try await stage.queue.enqueue([job, other]) == [.deleted, .conflict]
        },
        Scenario(name: "a deleted id is new again when its day is over") { stage in
            let job = NewJob(digest: "d1", type: "test", payload: [1])
            try await stage.failForGood(job)
            _ = try await stage.queue.control(.delete, job.id)
            try await stage.setClock(Stage.start + 2 * 86_400_000)
            _ = try await stage.queue.sweep()
            return try await stage.audit().isEmpty
        },
        Scenario(name: "a queue that keeps none by number keeps none") { stage in
            let none = Retention(age: .seconds(3600), count: 0)
            try await stage.queue.configure(QueueSettingsChange(completed: none, failed: none))
            try await stage.failForGood(NewJob(type: "test", payload: [1]))
            try await stage.complete(2)
            let kept = try await stage.queue.status()?.jobs
            return kept?[.completed] == 0 && kept?[.failed] == 0
        },
        Scenario(name: "a retry takes no key that another holds") { stage in
            let first = NewJob(type: "test", payload: [1], uniqueKey: "k")
            try await stage.failForGood(first)
            let second = NewJob(type: "test", payload: [1], uniqueKey: "k")
            _ = try await stage.queue.enqueue(second)
            return try await stage.queue.control(.retry, first.id) == .uniqueKeyTaken(by: second.id)
        },
        Scenario(name: "a dry run says what an action would do, and does nothing") { stage in
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1], uniqueKey: "k") }
            let ids = jobs.map(\.id)
            for job in jobs {
                _ = try await stage.queue.enqueue(job)
                _ = try await stage.queue.control(.cancel, job.id)
            }
            let said = try await stage.queue.preview(.retry, ids)
            guard try await stage.queue.job(ids[0])?.state == .cancelled else { return false }
            return try await stage.queue.control(.retry, ids) == said && said[1] == .uniqueKeyTaken(by: ids[0])
        },
        Scenario(name: "a retry brings another payload, also to a job that is queued") { stage in
            let job = NewJob(type: "test", payload: [1])
            try await stage.failForGood(job)
            _ = try await stage.queue.retry(job.id, payload: [2])
            guard try await stage.queue.job(job.id)?.payload == [2] else { return false }
            _ = try await stage.queue.retry(job.id, payload: [3])
            return try await stage.queue.job(job.id)?.payload == [3]
        },
        Scenario(name: "a retry takes its key again") { stage in
            let first = NewJob(type: "test", payload: [1], uniqueKey: "k")
            try await stage.failForGood(first)
            _ = try await stage.queue.control(.retry, first.id)
            let second = NewJob(type: "test", payload: [1], uniqueKey: "k")
            return try await stage.queue.enqueue([second]) == [.uniqueKeyTaken(by: first.id)]
        },
    ]
}

extension Scenario {
    /// What such a job carries between its claims, in ms; `nil` when its type is not known to be unknown.
    private static func since(_ id: JobID, _ stage: Stage) async throws -> Int? {
        try await stage.command("HGET", stage.key("job:\(id)"), "s").int
    }

    static let ofUnknownTypes = [
        Scenario(name: "since when a type is unknown is kept while it is") { stage in
            let job = try await stage.pushAndClaim()
            try await stage.giveBackAsUnknown(job)
            let first = try await since(job.id, stage)
            try await stage.setClock(Stage.start + 500)
            try await stage.giveBackAsUnknown(try await stage.claim(2))
            return try await since(job.id, stage) == first && first != nil
        },
        Scenario(name: "a job whose type was known at last carries no time since when it was not") { stage in
            let job = try await stage.pushAndClaim()
            try await stage.giveBackAsUnknown(job)
            let again = try await stage.claim(2)
            _ = try await stage.queue.settle([
                Settlement(id: job.id, token: again.token, outcome: .failed(retryAfter: .zero, error: "it fails"))
            ])
            return try await since(job.id, stage) == nil
        },
        Scenario(name: "a job that is put off for a reason says it and has no unknown type") { stage in
            let job = try await stage.pushAndClaim()
            let outcome = Settlement.Outcome.postponed(retryAfter: .seconds(5), error: "no room")
            _ = try await stage.queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome)])
            guard try await stage.queue.job(job.id)?.error == "no room" else { return false }
            return try await since(job.id, stage) == nil
        },
        Scenario(name: "a retry begins anew, also with the time since when a type is unknown") { stage in
            let job = try await stage.pushAndClaim()
            try await stage.giveBackAsUnknown(job)
            _ = try await stage.queue.control(.cancel, job.id)
            guard try await stage.queue.control(.retry, job.id) == .done(.queued) else { return false }
            return try await since(job.id, stage) == nil
        },
    ]
}

/// A story could not even begin.
private struct NoBeginning: Error {}

extension Stage {
    func pushAndClaim(_ job: NewJob = NewJob(type: "test", payload: [1])) async throws -> ClaimedJob {
        _ = try await queue.enqueue(job)
        return try await claim(1)
    }

    func claim(_ number: Int) async throws -> ClaimedJob {
        guard let job = try await queue.claim(ClaimRequest(worker: "w", number: number, upTo: 1)).jobs.first else {
            throw NoBeginning()
        }
        return job
    }

    fileprivate func giveBackAsUnknown(_ job: ClaimedJob) async throws {
        let outcome = Settlement.Outcome.unknownType(retryAfter: .zero, error: "nobody knows it")
        _ = try await queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome)])
    }

    fileprivate func failForGood(_ job: NewJob) async throws {
        let job = try await pushAndClaim(job)
        _ = try await queue.settle([Settlement(id: job.id, token: job.token, outcome: .failedForGood(error: "it ends"))]
        )
    }

    /// One job runs, one waits, no more may run, and whoever asked has taken the wake tokens away.
    fileprivate func fillToLimit() async throws -> ClaimedJob {
        try await queue.configure(QueueSettingsChange(limit: 1))
        _ = try await queue.enqueue(NewJob(type: "test", payload: [1]))
        let job = try await pushAndClaim()
        _ = try await queue.claim(ClaimRequest(worker: "v", number: 1, upTo: 1))
        return job
    }
}
