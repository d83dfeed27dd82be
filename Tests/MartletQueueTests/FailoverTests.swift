// Failovers that forget what the old primary had answered, and new primaries whose clock is behind.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite(.serialized, .needsCleanLine("the servers are its own")) struct FailoverTests {
    /// Runs `body` with a queue as the old primary and as the new one have it, once `shared` is on both and no more is.
    private func withFailover(
        shared: @concurrent @Sendable (QueueHarness) async throws -> Void,
        _ body: @concurrent @Sendable (_ old: QueueHarness, _ new: Queue) async throws -> Void
    ) async throws {
        let pair = try await ReplicaPair.start()
        try await withStore(url: pair.primary.url) { harness in
            try await shared(harness)
            // The replica gets it behind all that was written before.
            _ = try await harness.command("SET", harness.key("mark"), "1")
            try await eventually("the replica has all") {
                try await ask(pair.replica, "GET", harness.key("mark")).string == "1"
            }
            try await ask(pair.replica, "REPLICAOF", "NO", "ONE")
            let store = JobStore(
                redis: try RedisConfiguration(url: pair.replica.url), prefix: harness.prefix, logger: noLogger)
            let running = Task { try await store.run() }
            defer { running.cancel() }
            try await store.waitUntilConnected(within: .seconds(30))
            try await body(harness, store.queue(harness.queue().name))
            let report = try await store.queue(harness.queue().name).audit()
            #expect(report.isClean, "\(report.findings)")
        }
        await pair.stop()
    }

    private func claim(_ queue: Queue, _ worker: String, _ number: Int = 1) async throws -> ClaimedJob {
        try #require(try await queue.claim(ClaimRequest(worker: worker, number: number, upTo: 1)).jobs.first)
    }

    @Test func `after a claim was lost in a failover, only the holder known to the new primary is accepted`()
        async throws
    {
        let id = JobID.generate()
        try await withFailover { harness in
            _ = try await harness.queue().enqueue(job(id))
        } _: { old, new in
            let forgotten = try await claim(old.queue(), "a")
            let known = try await claim(new, "b")
            #expect(forgotten.id == known.id && forgotten.claims == known.claims)
            #expect(forgotten.token != known.token, "the numbers are the same, the nonces are not")
            let heartbeat = Heartbeat(id: id, token: forgotten.token)
            #expect(try await new.heartbeat(worker: "a", [heartbeat]).verdicts == [.fenced])
            #expect(try await new.settle(forgotten, .completed(output: nil)) == .fenced)
            #expect(try await new.state(id) == .active)
            #expect(try await new.settle(known, .completed(output: nil)) == .settled(.completed))
        }
    }

    @Test func `after a settlement was lost in a failover the job runs again, and the earlier settlement is refused`()
        async throws
    {
        let id = JobID.generate()
        let first = ClaimRequest(worker: "a", number: 1, upTo: 1)
        try await withFailover { harness in
            try await harness.queue().create()
            try await harness.queue().configure(QueueSettingsChange(lease: .milliseconds(300)))
            _ = try await harness.queue().enqueue(job(id))
            _ = try await harness.queue().claim(first)
        } _: { old, new in
            let token = "1:" + first.nonce
            let end = Settlement(id: id, token: token, outcome: .completed(output: nil))
            #expect(try await old.queue().settle([end]).verdicts == [.settled(.completed)])
            #expect(try await new.state(id) == .active, "the new primary knows nothing of it")
            try await eventually("its lease is over there") { try await new.sweep().takenBack[id] == .queued }
            let again = try await claim(new, "b")
            #expect(again.lost == 1 && again.failures == 0)
            #expect(try await new.settle([end]).verdicts == [.fenced])
            #expect(try await new.settle(again, .completed(output: nil)) == .settled(.completed))
        }
    }

    @Test func `a clock that is three seconds behind takes no token away and ends no lease early`()
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setClock(.zero)
            _ = try await queue.enqueue([job(), job()])
            let start = ContinuousClock.now
            let claimed = try await harness.claim(2, from: queue)
            try await harness.setClock(.seconds(-3))
            #expect(try await queue.sweep().takenBack.isEmpty)
            let heartbeats = claimed.map { Heartbeat(id: $0.id, token: $0.token) }
            for verdict in try await queue.heartbeat(worker: "w", info: nil, heartbeats).verdicts {
                guard case .held(let left, nil) = verdict else {
                    Issue.record("\(verdict)")
                    continue
                }
                // 33 s without the time that the test took; the clock of the machine may differ a little.
                let passed = ContinuousClock.now - start
                #expect(left + passed > .seconds(32))
            }
            let later = job()
            _ = try await queue.enqueue(later)
            for one in claimed { #expect(try await queue.settle(one, .released(after: nil)) == .settled(.queued)) }
            let order = try await harness.claim(3, from: queue, worker: "v").map(\.id)
            #expect(order == claimed.map(\.id) + [later.id], "who came later stays behind")
        }
    }
}
