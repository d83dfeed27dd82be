// A job's key of another Redis type is no job, to every script and wherever an index names it; all other jobs go on.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct ForeignKeyTests {
    static let kinds = ["string", "list", "set", "zset", "stream"]

    @Test(arguments: JobIndex.allCases, kinds)
    func `a key of another type stops no script, and the good job beside it runs`(
        index: JobIndex, kind: String
    ) async throws {
        try await withStore { harness in
            for (number, step) in Step.all.enumerated() {
                let queue = harness.queue("q\(number)")
                let foreign = try await plant(kind, in: index, of: queue, harness)
                try await withKnownName("\(step.name), \(index), \(kind)") {
                    try await step.body(queue, foreign)
                    try await finishGoodJob(queue)
                }
                // What is left of it is mended, but for the key itself, which is somebody else's.
                let exists = try await harness.command("EXISTS", foreignKey(foreign, queue, harness)).int
                #expect(exists == 1, "\(step.name) deleted the key")
                try await harness.command("DEL", foreignKey(foreign, queue, harness))
                _ = try await queue.repair(try await queue.audit(hashes: false), dryRun: false)
            }
        }
    }

    @Test func `repair removes the index entries of a foreign key, and leaves the key`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let id = try await plant("list", in: .paused, of: queue, harness)
            try await finishGoodJob(queue)
            let first = try await queue.audit()
            #expect(first.findings.map(\.subject).contains(id.description))
            _ = try await queue.repair(first, dryRun: false)
            let second = try await queue.audit()
            #expect(second.findings.map(\.what) == ["its key is no job: list"])
            #expect(second.ledgerDifference == 0)
            let repairs = try await queue.repair(second, dryRun: false)
            #expect(repairs.flatMap(\.steps) == ["left: its key is no job: list"])
            try await harness.command("DEL", foreignKey(id, queue, harness))
        }
    }

    /// A job with a unique key, claimed and put into `index` as one that is due, over or old, whose key is then another's;
    /// and a good job in line.
    private func plant(
        _ kind: String, in index: JobIndex, of queue: Queue, _ harness: QueueHarness
    ) async throws -> JobID {
        var bad = job()
        bad.uniqueKey = "k"
        _ = try await queue.enqueue([bad, job()])
        let name = queue.name.description
        try await harness.command("ZREM", harness.key("queued", queue: name), bad.id.description)
        try await harness.command("ZADD", harness.key(index.rawValue, queue: name), "1", bad.id.description)
        let key = foreignKey(bad.id, queue, harness)
        try await harness.command("DEL", key)
        switch kind {
        case "list": try await harness.command("LPUSH", key, "x")
        case "set": try await harness.command("SADD", key, "x")
        case "zset": try await harness.command("ZADD", key, "1", "x")
        case "stream": try await harness.command("XADD", key, "*", "t", "x")
        default: try await harness.command("SET", key, "x")
        }
        return bad.id
    }

    private func foreignKey(_ id: JobID, _ queue: Queue, _ harness: QueueHarness) -> String {
        harness.key("job:\(id)", queue: queue.name.description)
    }

    /// The good job is claimed and completed, unless the step has seen to it.
    private func finishGoodJob(_ queue: Queue) async throws {
        let number = 1_000_000
        let claimed = try await queue.claim(ClaimRequest(worker: "last", number: number, upTo: 10)).jobs
        let verdicts = try await queue.settle(claimed.map(\.completion)).verdicts
        #expect(verdicts == claimed.map { _ in .settled(.completed) })
        let status = try #require(try await queue.status())
        #expect(status.completedEver + status.cancelledEver >= 1)
    }

    private func withKnownName(_ name: String, _ body: () async throws -> Void) async throws {
        do { try await body() } catch { Issue.record("\(name): \(error)") }
    }
}

/// One call of a script, in a queue where an index names a key of another type.
private struct Step: Sendable {
    var name: String
    var body: @Sendable (Queue, JobID) async throws -> Void

    static let all = [
        Step(name: "push of the id") { queue, id in
            let verdicts = try await queue.enqueue([job(id), job()])
            #expect(verdicts.first == .conflict)
        },
        Step(name: "atomic push of the id") { queue, id in
            let result = try await queue.enqueueAtomically([job(id)])
            #expect(result == .refused(index: 0, .conflict))
        },
        Step(name: "push of its unique key") { queue, id in
            var other = job()
            other.uniqueKey = "k"
            let verdict = try await queue.enqueue(other)
            #expect(verdict == .uniqueKeyTaken(by: id))
        },
        Step(name: "claim") { queue, id in
            let claimed = try await queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 5)).jobs
            #expect(claimed.count == 1 && claimed.first?.id != id)
            let again = try await queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 5)).jobs
            #expect(again.map(\.id) == claimed.map(\.id))
            _ = try await queue.settle(claimed.map(\.completion))
        },
        Step(name: "settle") { queue, id in
            let ends: [Settlement.Outcome] = [
                .completed(output: nil), .failed(retryAfter: .zero, error: "x"), .released(after: nil),
            ]
            for end in ends {
                let reply = try await queue.settle([Settlement(id: id, token: "1:x", outcome: end)])
                #expect(reply.verdicts == [.gone])
            }
        },
        Step(name: "heartbeat") { queue, id in
            let heartbeat = Heartbeat(id: id, token: "1:x", progress: JobProgress(completed: 1), checkpoint: [1])
            let reply = try await queue.heartbeat(worker: "w", info: "{}", [heartbeat])
            #expect(reply.verdicts == [.gone])
        },
        Step(name: "sweep") { queue, _ in
            for _ in 0..<3 {
                _ = try await queue.sweep()
                _ = try await queue.store.redis.send(.command("HSET", queue.keys.meta, "grace", "0"))
            }
        },
        Step(name: "control") { queue, id in
            for verb: ControlVerb in [.pause, .resume, .cancel, .retry, .run, .delete, .priority(5)] {
                let verdict = try await queue.control(verb, id)
                #expect(verdict == .missing)
            }
        },
        Step(name: "read") { queue, id in
            let (record, page) = (try await queue.job(id), try await queue.list())
            #expect(record == nil && page.jobs.count == 1)
            _ = try await queue.status()
        },
        Step(name: "audit and repair") { queue, _ in
            _ = try await queue.repair(try await queue.audit(hashes: false), dryRun: true)
        },
        Step(name: "drain") { queue, _ in
            let report = try await queue.drain()
            #expect(report?.waiting == 0)
        },
        Step(name: "forget what has ended") { queue, _ in
            _ = try await queue.drain()
            _ = try await queue.run(.remove, RedisArguments("empty", "500"))
        },
    ]
}
