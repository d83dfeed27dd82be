// Leases: heartbeats extend them, sweeps take back what dead workers held, with grace after an outage.

import MartletJobs
import MartletQueue
import MartletRedis
import TestSupport
import Testing

@Suite struct HeartbeatAndSweepTests {
    @Test func `a dead worker's job comes back to its old place, with lost counted and no failure`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<2).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            let dead = try #require(try await harness.claim(from: queue, worker: "dead").first)
            #expect(try await harness.sweepAfterLeases().takenBack == [dead.id: .queued])
            let record = try #require(try await queue.job(dead.id))
            #expect(record.lost == 1)
            #expect(record.failures == 0)
            #expect(try await harness.claim(2, from: queue).map(\.id) == jobs.map(\.id))
            #expect(try await queue.settle(dead, .completed(output: nil)) == .fenced)
        }
    }

    /// A claim that Redis cut short can leave the entry that made a tree of the set.
    @Test func `an entry without a job is removed without being counted as one`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            _ = try await harness.command("ZADD", harness.key("active"), "1", String(repeating: "!", count: 65))
            #expect(try await harness.sweepAfterLeases().takenBack.isEmpty)
            #expect(try await harness.command("EXISTS", harness.key("active")).int == 0)
            #expect(try await queue.status()?.deletedEver == 0)
        }
    }

    @Test func `a job lost three times in a row is poison`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            _ = try await queue.enqueue(new)
            for loss in 1...3 {
                #expect(try await harness.claim(from: queue).count == 1)
                #expect(
                    try await harness.sweepAfterLeases(times: loss).takenBack == [new.id: loss == 3 ? .failed : .queued]
                )
            }
            #expect(try await queue.job(new.id)?.error?.contains("poison") == true)
            #expect(try await queue.control(.retry, new.id) == .done(.queued))
            #expect(try await queue.job(new.id)?.lost == 0)
        }
    }

    @Test func `losses before a checkpoint are shown and do not count towards poison`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            _ = try await queue.enqueue(new)
            _ = try await harness.claim(from: queue)
            _ = try await harness.sweepAfterLeases()
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(claimed.lost == 1)
            let heartbeat = Heartbeat(id: new.id, token: claimed.token, checkpoint: Array("half".utf8))
            #expect(try await queue.heartbeat(worker: "w", [heartbeat]).verdicts.count == 1)
            let record = try #require(try await queue.job(new.id))
            #expect(record.lost == 1, "what happened is shown")
            #expect(record.checkpoint == Array("half".utf8))
            for row in 1...3 {
                _ = try await harness.sweepAfterLeases(times: 1 + row)
                #expect(try await queue.job(new.id)?.lost == 1 + row)
                if row < 3 { #expect(try await harness.claim(from: queue).first?.lost == row) }
            }
            #expect(try await queue.job(new.id)?.error == "poison: its worker died 3 times in a row")
            #expect(try await queue.control(.retry, new.id) == .done(.queued))
            #expect(try await queue.job(new.id)?.lost == 0)
        }
    }

    @Test func `a heartbeat extends the lease after a third of it, not before`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            // The longest lease, of which the time that the test takes is a small part.
            try await queue.configure(QueueSettingsChange(lease: .seconds(900)))
            _ = try await queue.enqueue(job())
            let claimed = try #require(try await harness.claim(from: queue).first)
            let heartbeat = Heartbeat(
                id: claimed.id, token: claimed.token, progress: JobProgress(completed: 3, total: 9))
            try await harness.setClock(.seconds(100))
            guard case .held(let early, nil) = try await queue.heartbeat(worker: "w", [heartbeat]).verdicts[0] else {
                Issue.record("not held")
                return
            }
            #expect(early <= .seconds(800))
            try await harness.setClock(.seconds(400))
            #expect(try await queue.heartbeat(worker: "w", [heartbeat]).verdicts == [.held(.seconds(900), wanted: nil)])
            #expect(try await queue.job(claimed.id)?.progress == JobProgress(completed: 3, total: 9))
        }
    }

    @Test func `a lease is not renewed past the job's timeout`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            var new = job()
            new.timeout = .seconds(40)
            _ = try await queue.enqueue(new)
            let claimed = try #require(try await harness.claim(from: queue).first)
            try await harness.setClock(.seconds(25))
            guard
                case .held(let left, _) = try await queue.heartbeat(
                    worker: "w", [Heartbeat(id: new.id, token: claimed.token)]
                )
                .verdicts[0]
            else {
                Issue.record("not held")
                return
            }
            #expect(left <= .seconds(25), "40 s of timeout, a third of a lease to say how it ended, 25 s gone")
        }
    }

    @Test func `a stop request is returned by the heartbeat and ends renewals after one lease`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            let claimed = try #require(try await harness.claim(from: queue).first)
            let before = try await queue.heartbeat(worker: "w", []).stops
            #expect(try await queue.control(.cancel, claimed.id) == .asked)
            let heartbeat = Heartbeat(id: claimed.id, token: claimed.token)
            let reply = try await queue.heartbeat(worker: "w", [heartbeat])
            #expect(reply.stops == before + 1)
            guard case .held(_, wanted: .cancel) = reply.verdicts[0] else {
                Issue.record("no word of the stop")
                return
            }
            try await harness.setClock(.seconds(29))
            guard case .held(let left, _) = try await queue.heartbeat(worker: "w", [heartbeat]).verdicts[0] else {
                Issue.record("not held")
                return
            }
            #expect(left <= .seconds(2))
        }
    }

    @Test func `a cancelled job of a dead worker is cancelled, not started again`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job()])
            let claimed = try await harness.claim(2, from: queue)
            _ = try await queue.control(.cancel, claimed[0].id)
            _ = try await queue.control(.pause, claimed[1].id)
            #expect(
                try await harness.sweepAfterLeases().takenBack == [claimed[0].id: .cancelled, claimed[1].id: .paused])
        }
    }

    @Test func `after an outage every lease gets a full lease of grace`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            _ = try await queue.sweep()
            let claimed = try #require(try await harness.claim(from: queue).first)
            try await harness.setClock(.seconds(3600))
            #expect(try await queue.sweep().takenBack.isEmpty)
            #expect(
                try await queue.heartbeat(worker: "w", [Heartbeat(id: claimed.id, token: claimed.token)]).verdicts == [
                    .held(.seconds(30), wanted: nil)
                ])
            #expect(try await queue.sweep().takenBack.isEmpty)
        }
    }

    @Test(.needsSingleRequests("it adds up what every sweep says that it promoted"))
    func `twenty sweepers promote each due job once`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueueAtomically((0..<5000).map { _ in job(delay: .seconds(1)) })
            try await harness.setClock(.seconds(2))
            let promoted = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await queue.sweep().promoted } }
                return try await group.reduce(0, +)
            }
            #expect(promoted == 5000)
            #expect(try await queue.status()?.jobs[.queued] == 5000)
        }
    }

    @Test func `a sweep says when there is more to do`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueueAtomically((0..<1500).map { _ in job(delay: .seconds(1)) })
            try await harness.setClock(.seconds(2))
            #expect(try await queue.sweep().more)
            #expect(try await queue.sweep().more == false)
        }
    }

    @Test func `finished jobs are removed after their retention`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<10).map { _ in job() })
            let claimed = try await harness.claim(10, from: queue)
            _ = try await queue.settle(claimed.prefix(5).map(\.completion))
            for job in claimed.suffix(5) { _ = try await queue.settle(job, .failedForGood(error: "x")) }
            try await harness.setClock(.seconds(86_401))
            #expect(try await queue.sweep().forgotten == 10)
            let status = try #require(try await queue.status())
            #expect(status.total == 0)
            #expect(status.deletedEver == 10)
            #expect(status.completedEver == 5)
            #expect(status.failedEver == 5)
        }
    }

    @Test func `an entry of an interrupted claim is repaired`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<2).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            _ = try await queue.sweep()
            try await harness.command("ZADD", harness.key("active"), "1", jobs[0].id.description)
            try await harness.command("ZADD", harness.key("active"), "1", "ghost")
            _ = try await harness.sweepAfterLeases()
            #expect(try await harness.claim(2, from: queue).map(\.id) == jobs.map(\.id))
            try await harness.command("HINCRBY", harness.key("meta"), "created", "1")
        }
    }

    @Test func `workers report themselves and are forgotten after an hour`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.heartbeat(worker: "w1", info: #"{"host":"h"}"#, [])
            _ = try await harness.claim(from: queue, worker: "w2")
            let reports = try await queue.workers()
            #expect(reports.map(\.worker) == ["w1"])
            #expect(reports.first?.info == Array(#"{"host":"h"}"#.utf8))
            _ = try await queue.sweep()
            try await harness.setClock(.seconds(3700))
            _ = try await queue.sweep()
            #expect(try await queue.workers().isEmpty)
            #expect(try await harness.command("HLEN", harness.key("claims")).int == 0)
        }
    }
}

extension QueueHarness {
    /// Moves the clock past all leases and sweeps as if somebody had swept a moment before, so that no grace is given.
    @discardableResult
    func sweepAfterLeases(times: Int = 1) async throws -> SweepReport {
        let offset = times * 31_500
        while true {
            try await setClock(.milliseconds(offset))
            let time = try #require(try await command("TIME").array)
            let now = try #require(time[0].int) * 1000 + offset
            try await command("HSET", key("meta"), "swept", "\(now)", "grace", "0")
            let report = try await queue().sweep()
            // On a slow machine the sweep may come after a silence: then it gives grace and takes nothing back.
            if try await command("HGET", key("meta"), "grace").int == 0 { return report }
        }
    }
}
