// Scenarios about stop requests, positions, freed slots and unique keys.

import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Scenario {
    static let ofStops = [
        Scenario(name: "a running job with a pause request is paused when it is released") { real in
            let job = try await real.pushAndClaim()
            _ = try await real.queue.control(.pause, job.id)
            let back = Settlement(id: job.id, token: job.token, outcome: .released(after: nil))
            guard try await real.queue.settle([back]).verdicts == [.settled(.paused)] else { return false }
            return try await real.queue.job(job.id)?.wanted == nil
        },
        Scenario(name: "a heartbeat with another's token is fenced") { real in
            let job = try await real.pushAndClaim()
            let heartbeat = Heartbeat(id: job.id, token: "1:other")
            return try await real.queue.heartbeat(worker: "v", [heartbeat]).verdicts == [.fenced]
        },
        Scenario(name: "a stop request ends renewals") { real in
            let job = try await real.pushAndClaim()
            _ = try await real.queue.control(.cancel, job.id)
            try await real.setClock(RealStore.start + 20_000)
            let heartbeat = Heartbeat(id: job.id, token: job.token)
            return try await real.queue.heartbeat(worker: "w", [heartbeat]).verdicts == [
                .held(.seconds(10), wanted: .cancel)
            ]
        },
        Scenario(name: "a job has as many attempts after the first as it was given retries") { real in
            let job = NewJob(type: "test", payload: [1], maxRetries: 1)
            _ = try await real.queue.enqueue(job)
            for number in 1...2 {
                let request = ClaimRequest(worker: "w", number: number, upTo: 1)
                guard let claimed = try await real.queue.claim(request).jobs.first else { return false }
                let outcome = Settlement.Outcome.failed(retryAfter: .zero, error: "no")
                _ = try await real.queue.settle([Settlement(id: job.id, token: claimed.token, outcome: outcome)])
                guard try await (real.queue.job(job.id)?.state == .failed) == (number == 2) else { return false }
            }
            return true
        },
        Scenario(name: "a paused job returns to its position") { real in
            let first = NewJob(type: "test", payload: [1], priority: 5)
            _ = try await real.queue.enqueue(first)
            try await real.setClock(RealStore.start + 10)
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1], priority: 5))
            try await real.setClock(RealStore.start + 20)
            _ = try await real.queue.control(.pause, first.id)
            _ = try await real.queue.control(.resume, first.id)
            return try await real.claimed(1) == [first.id.description]
        },
        Scenario(name: "a pause does not undo a cancel request") { real in
            let job = try await real.pushAndClaim()
            _ = try await real.queue.control(.cancel, job.id)
            _ = try await real.queue.control(.pause, job.id)
            return try await real.queue.job(job.id)?.wanted == .cancel
        },
        Scenario(name: "a paused job that is not due still waits after resuming") { real in
            let job = NewJob(type: "test", payload: [1], delay: .seconds(60))
            _ = try await real.queue.enqueue(job)
            _ = try await real.queue.control(.pause, job.id)
            _ = try await real.queue.control(.resume, job.id)
            return try await real.claimed().isEmpty
        },
        Scenario(name: "a failed attempt of a job with a cancel request cancels it") { real in
            let job = try await real.pushAndClaim()
            _ = try await real.queue.control(.cancel, job.id)
            let end = Settlement(id: job.id, token: job.token, outcome: .failed(retryAfter: .zero, error: "no"))
            return try await real.queue.settle([end]).verdicts == [.settled(.cancelled)]
        },
        Scenario(name: "a replay renews the lease") { real in
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1]))
            let request = ClaimRequest(worker: "w", number: 1, upTo: 1)
            guard let job = try await real.queue.claim(request).jobs.first else { return false }
            // So early that a heartbeat alone would not renew it.
            try await real.setClock(RealStore.start + 5000)
            _ = try await real.queue.claim(request)
            let heartbeat = Heartbeat(id: job.id, token: job.token)
            return try await real.queue.heartbeat(worker: "w", [heartbeat]).verdicts == [
                .held(.seconds(30), wanted: nil)
            ]
        },
        Scenario(name: "a heartbeat never shortens a lease") { real in
            let job = try await real.pushAndClaim(NewJob(type: "test", payload: [1], timeout: .seconds(1)))
            try await real.setClock(RealStore.start + 15_000)
            let heartbeat = Heartbeat(id: job.id, token: job.token)
            return try await real.queue.heartbeat(worker: "w", [heartbeat]).verdicts == [
                .held(.seconds(15), wanted: nil)
            ]
        },
        Scenario(name: "a higher priority comes first") { real in
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1]) }
            _ = try await real.queue.enqueue(jobs)
            _ = try await real.queue.control(.priority(5), jobs[1].id)
            return try await real.claimed(1) == [jobs[1].id.description]
        },
    ]

    static let ofRoom = [
        Scenario(name: "one of two jobs with the same unique key in one push is accepted") { real in
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1], uniqueKey: "k") }
            return try await real.queue.enqueue(jobs) == [.created(.queued), .uniqueKeyTaken(by: jobs[0].id)]
        },
        Scenario(name: "finished jobs of the last minute stay") { real in
            try await real.queue.configure(QueueSettingsChange(completed: Retention(age: .seconds(3600), count: 1)))
            for number in 1...3 { try await real.complete(number) }
            return try await real.queue.status()?.jobs[.completed] == 3
        },
        Scenario(name: "a slot freed under a limit wakes a worker") { real in
            let job = try await real.fillToLimit()
            let end = Settlement(id: job.id, token: job.token, outcome: .completed(output: nil))
            _ = try await real.queue.settle([end])
            return try await real.view().wakeTokens > 0
        },
        Scenario(name: "a higher limit wakes a worker") { real in
            _ = try await real.fillToLimit()
            try await real.queue.configure(QueueSettingsChange(limit: 2))
            return try await real.view().wakeTokens > 0
        },
    ]
}

extension Scenario {
    static let ofKeys = [
        Scenario(name: "a deleted id is distinguished from a new one") { real in
            let job = NewJob(digest: "d1", type: "test", payload: [1])
            try await real.failForGood(job)
            _ = try await real.queue.control(.delete, job.id)
            var other = job
            other.digest = "d2"
            return try await real.queue.enqueue([job, other]) == [.deleted, .conflict]
        },
        Scenario(name: "a deleted id is new again after a day") { real in
            let job = NewJob(digest: "d1", type: "test", payload: [1])
            try await real.failForGood(job)
            _ = try await real.queue.control(.delete, job.id)
            try await real.setClock(RealStore.start + 2 * 86_400_000)
            _ = try await real.queue.sweep()
            return try await real.audit().isEmpty
        },
        Scenario(name: "a queue that keeps none by number keeps none") { real in
            let none = Retention(age: .seconds(3600), count: 0)
            try await real.queue.configure(QueueSettingsChange(completed: none, failed: none))
            try await real.failForGood(NewJob(type: "test", payload: [1]))
            try await real.complete(2)
            let kept = try await real.queue.status()?.jobs
            return kept?[.completed] == 0 && kept?[.failed] == 0
        },
        Scenario(name: "a retry takes no key that another holds") { real in
            let first = NewJob(type: "test", payload: [1], uniqueKey: "k")
            try await real.failForGood(first)
            let second = NewJob(type: "test", payload: [1], uniqueKey: "k")
            _ = try await real.queue.enqueue(second)
            return try await real.queue.control(.retry, first.id) == .uniqueKeyTaken(by: second.id)
        },
        Scenario(name: "a dry run predicts an action, and changes nothing") { real in
            let jobs = (0..<2).map { _ in NewJob(type: "test", payload: [1], uniqueKey: "k") }
            let ids = jobs.map(\.id)
            for job in jobs {
                _ = try await real.queue.enqueue(job)
                _ = try await real.queue.control(.cancel, job.id)
            }
            let said = try await real.queue.preview(.retry, ids)
            guard try await real.queue.job(ids[0])?.state == .cancelled else { return false }
            return try await real.queue.control(.retry, ids) == said && said[1] == .uniqueKeyTaken(by: ids[0])
        },
        Scenario(name: "a retry brings another payload, also to a job that is queued") { real in
            let job = NewJob(type: "test", payload: [1])
            try await real.failForGood(job)
            _ = try await real.queue.retry(job.id, payload: [2])
            guard try await real.queue.job(job.id)?.payload == [2] else { return false }
            _ = try await real.queue.retry(job.id, payload: [3])
            return try await real.queue.job(job.id)?.payload == [3]
        },
        Scenario(name: "a verb says whether it has changed its job") { real in
            let job = NewJob(type: "test", payload: [1])
            _ = try await real.queue.enqueue(job)
            let first = try await real.queue.results(of: .pause, [job.id])
            let second = try await real.queue.results(of: .pause, [job.id])
            return first.map(\.isChanged) == [true] && second.map(\.isChanged) == [false]
        },
        Scenario(name: "another payload is not for a job that runs, and not with a priority for one that has ended") {
            real in
            let job = try await real.pushAndClaim()
            guard try await real.queue.edit(job.id, payload: [2]) == .refused(.active) else { return false }
            let end = Settlement(id: job.id, token: job.token, outcome: .failedForGood(error: "no"))
            _ = try await real.queue.settle([end])
            guard try await real.queue.edit(job.id, payload: [2], priority: 1) == .refused(.failed) else {
                return false
            }
            guard try await real.queue.edit(job.id, payload: [2]) == .done(.failed) else { return false }
            return try await real.queue.job(job.id)?.payload == [2]
        },
        Scenario(name: "what was reached with one payload means nothing for another") { real in
            let job = try await real.pushAndClaim()
            let reached = Heartbeat(id: job.id, token: job.token, checkpoint: [1])
            _ = try await real.queue.heartbeat(worker: "w", [reached])
            let back = Settlement(id: job.id, token: job.token, outcome: .released(after: nil))
            _ = try await real.queue.settle([back])
            guard try await real.queue.job(job.id)?.checkpoint == [1] else { return false }
            guard try await real.queue.edit(job.id, payload: [2]) == .done(.queued) else { return false }
            return try await real.queue.job(job.id)?.checkpoint == nil
        },
        Scenario(name: "a retry takes its key again") { real in
            let first = NewJob(type: "test", payload: [1], uniqueKey: "k")
            try await real.failForGood(first)
            _ = try await real.queue.control(.retry, first.id)
            let second = NewJob(type: "test", payload: [1], uniqueKey: "k")
            return try await real.queue.enqueue([second]) == [.uniqueKeyTaken(by: first.id)]
        },
    ]
}

extension Scenario {
    /// The field `s` of a job, in ms; `nil` when its type is not known to be unknown.
    private static func since(_ id: JobID, _ real: RealStore) async throws -> Int? {
        try await real.command("HGET", real.key("job:\(id)"), "s").int
    }

    static let ofUnknownTypes = [
        Scenario(name: "since when a type is unknown is kept while it is") { real in
            let job = try await real.pushAndClaim()
            try await real.giveBackAsUnknown(job)
            let first = try await since(job.id, real)
            try await real.setClock(RealStore.start + 500)
            try await real.giveBackAsUnknown(try await real.claim(2))
            return try await since(job.id, real) == first && first != nil
        },
        Scenario(name: "a job whose type became known has no field s") { real in
            let job = try await real.pushAndClaim()
            try await real.giveBackAsUnknown(job)
            let again = try await real.claim(2)
            _ = try await real.queue.settle([
                Settlement(id: job.id, token: again.token, outcome: .failed(retryAfter: .zero, error: "it fails"))
            ])
            return try await since(job.id, real) == nil
        },
        Scenario(name: "a job postponed with a reason reports it and has no field s") { real in
            let job = try await real.pushAndClaim()
            let outcome = Settlement.Outcome.postponed(retryAfter: .seconds(5), error: "no room")
            _ = try await real.queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome)])
            guard try await real.queue.job(job.id)?.error == "no room" else { return false }
            return try await since(job.id, real) == nil
        },
        Scenario(name: "a retry starts over, also with the field s") { real in
            let job = try await real.pushAndClaim()
            try await real.giveBackAsUnknown(job)
            _ = try await real.queue.control(.cancel, job.id)
            guard try await real.queue.control(.retry, job.id) == .done(.queued) else { return false }
            return try await since(job.id, real) == nil
        },
    ]
}

/// The preparation of a scenario failed.
private struct NoBeginning: Error {}

extension RealStore {
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

    /// Claims jobs and loses them, twice, so that each of them is in its last chance; the lease must be 50 ms.
    func loseTwice(_ count: Int) async throws {
        var now = RealStore.start
        for number in 1...2 {
            _ = try await queue.claim(ClaimRequest(worker: "w", number: number, upTo: count))
            for _ in 1...4 {
                now += 30
                try await setClock(now)
                _ = try await queue.sweep()
            }
        }
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

    /// One job is active, one is queued, the limit is reached, and the wake tokens are consumed.
    fileprivate func fillToLimit() async throws -> ClaimedJob {
        try await queue.configure(QueueSettingsChange(limit: 1))
        _ = try await queue.enqueue(NewJob(type: "test", payload: [1]))
        let job = try await pushAndClaim()
        _ = try await queue.claim(ClaimRequest(worker: "v", number: 1, upTo: 1))
        return job
    }
}
