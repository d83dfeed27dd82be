// Scenarios about foreign tokens, foreign keys, invalid fields, and the draining and deletion of queues.

import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Scenario {
    static let ofTokens = [
        Scenario(name: "a token with a star does not pass a unique key") { real in
            let job = try await real.pushAndClaim(NewJob(type: "test", payload: [1], uniqueKey: "k"))
            let end = Settlement(id: job.id, token: job.token + "*", outcome: .completed(output: nil))
            return try await real.queue.settle([end]).verdicts == [.fenced]
        },
        Scenario(name: "a heartbeat with a starred token is refused") { real in
            let job = try await real.pushAndClaim()
            _ = try await real.queue.control(.cancel, job.id)
            let heartbeat = Heartbeat(id: job.id, token: job.token + "*")
            return try await real.queue.heartbeat(worker: "w", [heartbeat]).verdicts == [.fenced]
        },
        Scenario(name: "a spent token completes nothing, in any spelling") { real in
            let job = try await real.pushAndClaim()
            _ = try await real.queue.settle([
                Settlement(id: job.id, token: job.token, outcome: .failedForGood(error: ""))
            ])
            _ = try await real.queue.run(
                .turn, RedisArguments("", "0", "", "0", "0", "1", job.id.description, "-" + job.token))
            return try await real.queue.status()?.jobs[.completed] == 0
        },
        Scenario(name: "a replay hands out nothing that another worker has claimed since") { real in
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1]))
            let first = ClaimRequest(worker: "w", number: 1, upTo: 1)
            guard let job = try await real.queue.claim(first).jobs.first else { return false }
            _ = try await real.queue.settle([
                Settlement(id: job.id, token: job.token, outcome: .released(after: nil))
            ])
            let others = try await real.queue.claim(ClaimRequest(worker: "v", number: 1, upTo: 1)).jobs
            let replayed = try await real.queue.claim(first).jobs
            return others.count == 1 && replayed.isEmpty
        },
        Scenario(name: "a resume does not withdraw a cancel") { real in
            let job = try await real.pushAndClaim()
            _ = try await real.queue.control(.cancel, job.id)
            _ = try await real.queue.control(.resume, job.id)
            let wanted = try await real.command("HGET", real.key("job:\(job.id)"), "w").string
            return wanted?.hasPrefix("cancel") == true
        },
        Scenario(name: "a job whose priority is no number is released") { real in
            let job = try await real.pushAndClaim()
            _ = try await real.command("HSET", real.key("job:\(job.id)"), "r", "nan")
            let end = Settlement(id: job.id, token: job.token, outcome: .released(after: nil))
            return try await real.queue.settle([end]).verdicts == [.settled(.queued)]
        },
        Scenario(name: "a nonce that is several words is refused") { real in
            do {
                _ = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 1, nonce: "a b"))
                return false
            } catch is QueueError { return true }
        },
        Scenario(name: "losses before a checkpoint make no poison") { real in
            try await real.queue.configure(QueueSettingsChange(lease: .milliseconds(50)))
            var job = try await real.pushAndClaim()
            for round in 1...3 {
                if round == 2 {
                    _ = try await real.queue.heartbeat(
                        worker: "w", [Heartbeat(id: job.id, token: job.token, checkpoint: [1])])
                }
                for tick in [0, 60] {
                    try await real.setClock(RealStore.start + 1000 * round + tick)
                    _ = try await real.queue.sweep()
                }
                if round < 3 { job = try await real.claim(round + 1) }
            }
            let record = try await real.queue.job(job.id)
            return record?.state == .queued && record?.lost == 3
        },
        Scenario(name: "a worker that claims without heartbeats keeps its replay") { real in
            let lease = QueueSettingsChange(lease: .seconds(900))
            try await real.queue.configure(lease)
            var last = ClaimRequest(worker: "w#2", number: 1, upTo: 1)
            for round in 1...8 {
                try await real.setClock(RealStore.start + round * 1_500_000)
                last = ClaimRequest(worker: "w#2", number: round, upTo: 1)
                _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1]))
                let jobs = try await real.queue.claim(last).jobs
                _ = try await real.queue.sweep()
                guard try await real.queue.claim(last).jobs.map(\.id) == jobs.map(\.id), !jobs.isEmpty else {
                    return false
                }
                _ = try await real.queue.settle(
                    jobs.map { Settlement(id: $0.id, token: $0.token, outcome: .completed(output: nil)) })
            }
            return true
        },
    ]

    static let ofForeignKeys = [
        Scenario(name: "a search goes past a foreign key") { real in
            let jobs = (0..<2).map { _ in NewJob(type: "rare", payload: [1]) }
            _ = try await real.queue.enqueue(jobs)
            let key = real.key("job:\(jobs[0].id)")
            _ = try await real.command("DEL", key)
            _ = try await real.command("SET", key, "foreign")
            var filter = JobFilter()
            filter.type = "rare"
            return try await real.queue.find(filter).jobs.map(\.id) == [jobs[1].id]
        },
        Scenario(name: "a foreign key in any index stops no script") { real in
            let good = try await real.pushAndClaim()
            for index in ["delayed", "active", "completed", "failed", "paused"] {
                try await real.plantForeignKey(in: index)
            }
            for _ in 0..<2 {
                _ = try await real.queue.sweep()
                try await real.command("HSET", real.key("meta"), "grace", "0")
            }
            guard let id = JobID("foreign-paused") else { return false }
            let heartbeats = [Heartbeat(id: id, token: "1:x"), Heartbeat(id: good.id, token: good.token)]
            guard try await real.queue.heartbeat(worker: "w", heartbeats).verdicts.first == .gone,
                try await real.queue.control(.cancel, id) == .missing,
                try await real.queue.enqueue(NewJob(id: id, type: "test", payload: [1])) == .conflict
            else { return false }
            let page = try await real.queue.list()
            let found = try await real.queue.audit(hashes: false).findings.map(\.subject)
            let kept = try await real.command("EXISTS", real.key("job:foreign-completed")).int
            return page.jobs.map(\.id) == [good.id] && found == ["foreign-paused"] && kept == 1
        },
        Scenario(name: "a priority that is no number stops no script") { real in
            let id = JobID.generate()
            _ = try await real.queue.enqueue(
                NewJob(id: id, type: "test", payload: [1], priority: 1, delay: .seconds(1)))
            try await real.command("HSET", real.key("job:\(id)"), "r", "nan")
            _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1]))
            try await real.setClock(RealStore.start + 2000)
            return try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 5)).jobs.count == 1
        },
        Scenario(name: "a job whose type is lost fails as corrupt, wherever it is") { real in
            let late = JobID.generate()
            _ = try await real.queue.enqueue(NewJob(id: late, type: "test", payload: [1], delay: .seconds(60)))
            let held = try await real.pushAndClaim()
            for id in [late, held.id] { try await real.command("HDEL", real.key("job:\(id)"), "t") }
            for tick in 1...30 {
                try await real.setClock(RealStore.start + 4000 * tick)
                _ = try await real.queue.sweep()
            }
            _ = try await real.queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 5))
            return try await real.queue.jobs([late, held.id]).map { $0?.error } == ["corrupt", "corrupt"]
        },
    ]

    static let ofRemoval = [
        Scenario(name: "a queue with a job is not deleted") { real in
            let job = try await real.pushAndClaim()
            guard try await real.staysDespiteDeletion() else { return false }
            _ = try await real.queue.settle([
                Settlement(id: job.id, token: job.token, outcome: .completed(output: nil))
            ])
            guard try await real.staysDespiteDeletion(),
                try await real.queue.delete() == .notEmpty(waiting: 0, running: 0, finished: 1)
            else { return false }
            guard try await real.queue.delete(finished: true) == .deleted(finished: 1) else { return false }
            return try await real.store.queueNames().isEmpty
        },
        Scenario(name: "a drain cancels waiting jobs and no running ones") { real in
            let held = try await real.pushAndClaim()
            let jobs = [
                NewJob(type: "test", payload: [1]), NewJob(type: "test", payload: [1], delay: .seconds(60)),
                NewJob(type: "test", payload: [1]),
            ]
            _ = try await real.queue.enqueue(jobs)
            _ = try await real.queue.control(.pause, jobs[2].id)
            try await real.command("ZADD", real.key("queued"), "1", held.id.description)
            let report = try await real.queue.drain()
            let states = try await real.queue.jobs(jobs.map(\.id) + [held.id]).map { $0?.state }
            let ended = try await real.queue.status()?.jobs[.cancelled]
            return report?.waiting == 0 && report?.running == 1 && ended == 3
                && states == [.cancelled, .cancelled, .cancelled, .active]
        },
        Scenario(name: "a drain runs in steps") { real in
            _ = try await real.queue.enqueue((0..<7).map { _ in NewJob(type: "test", payload: [1]) })
            let answer = try await real.queue.run(.remove, RedisArguments("drain", "5")).array?.compactMap(\.int)
            return answer == [5, 2, 0, 5]
        },
        Scenario(name: "no more queues are registered than there may be") { real in
            var answers: [Int?] = []
            for name in ["a", "b", "a"] { answers.append(try await real.register(name)) }
            return answers == [1, 0, 1]
        },
    ]
}

extension RealStore {
    /// The reply of the registry's script to a name when two queues are allowed.
    fileprivate func register(_ name: String) async throws -> Int? {
        let request = RedisRequest.function(
            scripts[.register], keys: RedisArguments(store.queuesKey), arguments: RedisArguments(name, "2"))
        let answer = try await store.redis.send(request)
        return answer.int
    }

    /// Whether the queue exists after the script was called to delete it.
    fileprivate func staysDespiteDeletion() async throws -> Bool {
        _ = try await queue.run(.remove, RedisArguments("delete"))
        return try await command("EXISTS", key("meta")).int == 1
    }

    /// Stores a string in place of a job, with an index entry that is due, expired or old.
    fileprivate func plantForeignKey(in index: String) async throws {
        try await command("SET", key("job:foreign-\(index)"), "no job")
        try await command("ZADD", key(index), "1", "foreign-\(index)")
        try await command("HINCRBY", key("meta"), "created", "1")
    }
}
