// Short stories of tokens from outside, of keys that are no jobs, of odd fields, and of queues that are emptied and deleted.

import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Scenario {
    static let ofTokens = [
        Scenario(name: "a token with a star does not pass a unique key") { stage in
            let job = try await stage.pushAndClaim(NewJob(type: "test", payload: [1], uniqueKey: "k"))
            let end = Settlement(id: job.id, token: job.token + "*", outcome: .completed(output: nil))
            return try await stage.queue.settle([end]).verdicts == [.fenced]
        },
        Scenario(name: "a token with a star does not beat") { stage in
            let job = try await stage.pushAndClaim()
            _ = try await stage.queue.control(.cancel, job.id)
            let beat = Heartbeat(id: job.id, token: job.token + "*")
            return try await stage.queue.heartbeat(worker: "w", [beat]).verdicts == [.fenced]
        },
        Scenario(name: "a spent token completes nothing, however it comes") { stage in
            let job = try await stage.pushAndClaim()
            _ = try await stage.queue.settle([
                Settlement(id: job.id, token: job.token, outcome: .failedForGood(error: ""))
            ])
            _ = try await stage.queue.run(
                .turn, RedisArguments("", "0", "", "0", "0", "1", job.id.description, "-" + job.token))
            return try await stage.queue.status()?.jobs[.completed] == 0
        },
        Scenario(name: "a replay hands out nothing that somebody else has claimed since") { stage in
            _ = try await stage.queue.enqueue(NewJob(type: "test", payload: [1]))
            let first = ClaimRequest(worker: "w", number: 1, upTo: 1)
            guard let job = try await stage.queue.claim(first).jobs.first else { return false }
            _ = try await stage.queue.settle([
                Settlement(id: job.id, token: job.token, outcome: .released(after: nil))
            ])
            let others = try await stage.queue.claim(ClaimRequest(worker: "v", number: 1, upTo: 1)).jobs
            let replayed = try await stage.queue.claim(first).jobs
            return others.count == 1 && replayed.isEmpty
        },
        Scenario(name: "a resume does not take back a cancel") { stage in
            let job = try await stage.pushAndClaim()
            _ = try await stage.queue.control(.cancel, job.id)
            _ = try await stage.queue.control(.resume, job.id)
            let wanted = try await stage.command("HGET", stage.key("job:\(job.id)"), "w").string
            return wanted?.hasPrefix("cancel") == true
        },
        Scenario(name: "a job whose priority is no number is given back") { stage in
            let job = try await stage.pushAndClaim()
            _ = try await stage.command("HSET", stage.key("job:\(job.id)"), "r", "nan")
            let end = Settlement(id: job.id, token: job.token, outcome: .released(after: nil))
            return try await stage.queue.settle([end]).verdicts == [.settled(.queued)]
        },
        Scenario(name: "a nonce that is several words is refused") { stage in
            do {
                _ = try await stage.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 1, nonce: "a b"))
                return false
            } catch is QueueError { return true }
        },
        Scenario(name: "losses before a checkpoint make no poison") { stage in
            try await stage.queue.configure(QueueSettingsChange(lease: .milliseconds(50)))
            var job = try await stage.pushAndClaim()
            for round in 1...3 {
                if round == 2 {
                    _ = try await stage.queue.heartbeat(
                        worker: "w", [Heartbeat(id: job.id, token: job.token, checkpoint: [1])])
                }
                for tick in [0, 60] {
                    try await stage.setClock(Stage.start + 1000 * round + tick)
                    _ = try await stage.queue.sweep()
                }
                if round < 3 { job = try await stage.claim(round + 1) }
            }
            let record = try await stage.queue.job(job.id)
            return record?.state == .queued && record?.lost == 3
        },
        Scenario(name: "who claims and never beats keeps its replay") { stage in
            let lease = QueueSettingsChange(lease: .seconds(900))
            try await stage.queue.configure(lease)
            var last = ClaimRequest(worker: "w#2", number: 1, upTo: 1)
            for round in 1...8 {
                try await stage.setClock(Stage.start + round * 1_500_000)
                last = ClaimRequest(worker: "w#2", number: round, upTo: 1)
                _ = try await stage.queue.enqueue(NewJob(type: "test", payload: [1]))
                let jobs = try await stage.queue.claim(last).jobs
                _ = try await stage.queue.sweep()
                guard try await stage.queue.claim(last).jobs.map(\.id) == jobs.map(\.id), !jobs.isEmpty else {
                    return false
                }
                _ = try await stage.queue.settle(
                    jobs.map { Settlement(id: $0.id, token: $0.token, outcome: .completed(output: nil)) })
            }
            return true
        },
    ]

    static let ofForeignKeys = [
        Scenario(name: "a key of another type in any index stops nothing") { stage in
            let good = try await stage.pushAndClaim()
            for index in ["delayed", "active", "completed", "failed", "paused"] {
                try await stage.plantForeignKey(in: index)
            }
            for _ in 0..<2 {
                _ = try await stage.queue.sweep()
                try await stage.command("HSET", stage.key("meta"), "grace", "0")
            }
            guard let id = JobID("foreign-paused") else { return false }
            let beats = [Heartbeat(id: id, token: "1:x"), Heartbeat(id: good.id, token: good.token)]
            guard try await stage.queue.heartbeat(worker: "w", beats).verdicts.first == .gone,
                try await stage.queue.control(.cancel, id) == .missing,
                try await stage.queue.enqueue(NewJob(id: id, type: "test", payload: [1])) == .conflict
            else { return false }
            let page = try await stage.queue.list()
            let found = try await stage.queue.audit(hashes: false).findings.map(\.subject)
            let kept = try await stage.command("EXISTS", stage.key("job:foreign-completed")).int
            return page.jobs.map(\.id) == [good.id] && found == ["foreign-paused"] && kept == 1
        },
        Scenario(name: "a priority that is no number stops nobody") { stage in
            let id = JobID.generate()
            _ = try await stage.queue.enqueue(
                NewJob(id: id, type: "test", payload: [1], priority: 1, delay: .seconds(1)))
            try await stage.command("HSET", stage.key("job:\(id)"), "r", "nan")
            _ = try await stage.queue.enqueue(NewJob(type: "test", payload: [1]))
            try await stage.setClock(Stage.start + 2000)
            return try await stage.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 5)).jobs.count == 1
        },
        Scenario(name: "a job whose type is lost fails as corrupt, wherever it is") { stage in
            let late = JobID.generate()
            _ = try await stage.queue.enqueue(NewJob(id: late, type: "test", payload: [1], delay: .seconds(60)))
            let held = try await stage.pushAndClaim()
            for id in [late, held.id] { try await stage.command("HDEL", stage.key("job:\(id)"), "t") }
            for tick in 1...30 {
                try await stage.setClock(Stage.start + 4000 * tick)
                _ = try await stage.queue.sweep()
            }
            _ = try await stage.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 5))
            return try await stage.queue.jobs([late, held.id]).map { $0?.error } == ["corrupt", "corrupt"]
        },
    ]

    static let ofRemoval = [
        Scenario(name: "a queue with a job is not deleted") { stage in
            let job = try await stage.pushAndClaim()
            guard try await stage.staysDespiteDeletion() else { return false }
            _ = try await stage.queue.settle([
                Settlement(id: job.id, token: job.token, outcome: .completed(output: nil))
            ])
            guard try await stage.staysDespiteDeletion(),
                try await stage.queue.delete() == .notEmpty(waiting: 0, running: 0, finished: 1)
            else { return false }
            guard try await stage.queue.delete(finished: true) == .deleted(finished: 1) else { return false }
            return try await stage.store.queueNames().isEmpty
        },
        Scenario(name: "a drain cancels all that waits and nothing that runs") { stage in
            let held = try await stage.pushAndClaim()
            let jobs = [
                NewJob(type: "test", payload: [1]), NewJob(type: "test", payload: [1], delay: .seconds(60)),
                NewJob(type: "test", payload: [1]),
            ]
            _ = try await stage.queue.enqueue(jobs)
            _ = try await stage.queue.control(.pause, jobs[2].id)
            try await stage.command("ZADD", stage.key("queued"), "1", held.id.description)
            let report = try await stage.queue.drain()
            let states = try await stage.queue.jobs(jobs.map(\.id) + [held.id]).map { $0?.state }
            let ended = try await stage.queue.status()?.jobs[.cancelled]
            return report?.waiting == 0 && report?.running == 1 && ended == 3
                && states == [.cancelled, .cancelled, .cancelled, .active]
        },
        Scenario(name: "a drain goes in steps") { stage in
            _ = try await stage.queue.enqueue((0..<7).map { _ in NewJob(type: "test", payload: [1]) })
            let answer = try await stage.queue.run(.remove, RedisArguments("drain", "5")).array?.compactMap(\.int)
            return answer == [5, 2, 0, 5]
        },
        Scenario(name: "no more queues are registered than there may be") { stage in
            var answers: [Int?] = []
            for name in ["a", "b", "a"] { answers.append(try await stage.register(name)) }
            return answers == [1, 0, 1]
        },
    ]
}

extension Stage {
    /// What the registry's script says to a name when there may be two queues.
    fileprivate func register(_ name: String) async throws -> Int? {
        let request = RedisRequest.function(
            scripts[.register], keys: RedisArguments(store.queuesKey), arguments: RedisArguments(name, "2"))
        let answer = try await store.redis.send(request)
        return answer.int
    }

    /// Whether the queue is there after its script was told to delete it.
    fileprivate func staysDespiteDeletion() async throws -> Bool {
        _ = try await queue.run(.remove, RedisArguments("delete"))
        return try await command("EXISTS", key("meta")).int == 1
    }

    /// A string in place of a job, named by an index as one that is due, over or old.
    fileprivate func plantForeignKey(in index: String) async throws {
        try await command("SET", key("job:foreign-\(index)"), "no job")
        try await command("ZADD", key(index), "1", "foreign-\(index)")
        try await command("HINCRBY", key("meta"), "created", "1")
    }
}
