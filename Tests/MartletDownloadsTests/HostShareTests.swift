// How slots are shared between hosts: the rule as a value, and downloads that give way to those of other hosts.

import MartletJobs
import Synchronization
import Testing

@testable import MartletDownloads

@Suite struct HostShareTests {
    private func id(_ text: String) -> JobID { JobID(text) ?? .generate() }

    private func snapshot(_ running: [(String, String)], _ waiting: [String: Int], limit: Int? = 3)
        -> DownloadQueueSnapshot
    {
        DownloadQueueSnapshot(
            running: running.map { DownloadQueueSnapshot.Running(id: id($0.0), host: $0.1, priority: 0) },
            waiting: waiting,
            limit: limit)
    }

    private func yielding(_ snapshot: DownloadQueueSnapshot, share: Int = 2) -> Set<JobID> {
        HostShares(snapshot, maxPerHost: share).yielding
    }

    @Test func `a host may use all slots while no other host waits`() {
        let full = [("a", "slow"), ("b", "slow"), ("c", "slow")]
        #expect(yielding(snapshot(full, [:])) == [])
        #expect(yielding(snapshot(full, ["slow": 100])) == [])
        #expect(!HostShares(snapshot(full, ["slow": 9]), maxPerHost: 2).mustWait(id("c"), host: "slow", alreadyHere: 2))
    }

    @Test func `downloads beyond the share yield to other hosts, the last started first, and no more than needed`() {
        let full = [("a", "slow"), ("b", "slow"), ("c", "slow")]
        #expect(yielding(snapshot(full, ["fast": 1])) == [id("c")])
        #expect(yielding(snapshot(full, ["fast": 9])) == [id("c")])
        let many = full + [("d", "slow"), ("e", "slow")]
        #expect(yielding(snapshot(many, ["fast": 1], limit: 5)) == [id("e")])
        #expect(yielding(snapshot(many, ["fast": 9, "other": 1], limit: 5)) == [id("c"), id("d"), id("e")])
        // A free slot is enough for one that waits.
        #expect(yielding(snapshot(full, ["fast": 1], limit: 4)) == [])
        // Those of equal rights do not push each other out.
        let both = [("a", "slow"), ("b", "slow"), ("c", "fast"), ("d", "fast"), ("e", "fast")]
        #expect(yielding(snapshot(both, ["slow": 5, "fast": 5], limit: 5)) == [])
    }

    @Test func `low priorities yield first`() {
        var snapshot = snapshot([("a", "slow"), ("b", "slow"), ("c", "slow"), ("d", "slow")], ["fast": 1], limit: 4)
        snapshot.running[2].priority = -1
        #expect(yielding(snapshot) == [id("c")])
    }

    @Test func `a small limit leaves one slot to others`() {
        let two = snapshot([("a", "slow"), ("b", "slow")], ["fast": 1], limit: 2)
        #expect(yielding(two) == [id("b")])
        #expect(yielding(snapshot([("a", "slow")], ["fast": 1], limit: 1)) == [], "a host keeps one slot")
        #expect(
            yielding(snapshot([("a", "slow"), ("b", "slow"), ("c", "slow")], ["fast": 1], limit: nil)) == [id("c")])
    }

    @Test func `a download that begins waits when its host has its share and others could use the slot`() {
        let shares = HostShares(snapshot([("a", "slow"), ("b", "slow")], ["fast": 1, "slow": 9]), maxPerHost: 2)
        #expect(shares.mustWait(id("c"), host: "slow", alreadyHere: 0))
        #expect(shares.mustWait(id("c"), host: "slow", alreadyHere: 2))
        #expect(!shares.mustWait(id("b"), host: "slow", alreadyHere: 0), "it is one of the two itself")
        #expect(!shares.mustWait(id("c"), host: "fast", alreadyHere: 0))
        #expect(!shares.mustWait(id("c"), host: "third", alreadyHere: 0))
    }

    @Test func `delayed downloads return one after another, however many there are`() async throws {
        let table = try #require(table { DownloadQueueSnapshot(running: [], waiting: ["fast": 1], limit: 3) })
        let id = id("x")
        // Two of the host run here for as long as the others are tried.
        let hold = Flag()
        let holders = (0..<2).map { index in
            Task {
                try await table.inSlot(of: "slow", self.id("h\(index)"), stopReason: { nil }) {
                    while !hold.isSet { try await Task.sleep(for: .milliseconds(2)) }
                    return 1
                }
            }
        }
        try await eventually("both run") { table.count(of: "slow") == 2 }
        var waits: [Duration] = []
        // Each turn is not before the first and not after the second of its pair, however long a step takes.
        var turns: [(from: ContinuousClock.Instant, to: ContinuousClock.Instant)] = []
        for _ in 0..<200 {
            let before = ContinuousClock.now
            do {
                _ = try await table.inSlot(of: "slow", id, stopReason: { nil }) { 1 }
                Issue.record("it ran")
            } catch let error as DownloadError {
                #expect(error.code == .hostBusy)
                guard case .release(let wait) = error.retryAdvice else { continue }
                waits.append(wait)
                turns.append((before + wait, ContinuousClock.now + wait))
            }
        }
        hold.set()
        for holder in holders { #expect(try await holder.value == 1) }
        #expect(waits.count == 200 && waits.allSatisfy { $0 >= .seconds(1) })
        try #require(turns.count == 200)
        #expect(turns[199].to - turns[0].from >= .milliseconds(1990), "a hundred in a second at most")
    }

    @Test(.timeLimit(.minutes(3))) func `a running download yields, keeps its bytes and continues later`() async throws
    {
        let harness = try DownloadHarness()
        let body = content(400_000)
        let origin = try await Origin.start { asked, number in
            number == 0
                ? Origin.honest(asked, body, [("ETag", "\"v1\"")]).cut(after: 300_000, .hang)
                : Origin.honest(asked, body, [("ETag", "\"v1\"")])
        }
        let othersWait = Flag()
        let gaveWay = Counter()
        let me = harness.id
        let settings = harness.settings { settings in
            settings.maxPerHost = 1
            settings.snapshot = {
                let running = [
                    DownloadQueueSnapshot.Running(id: JobID("first") ?? me, host: "127.0.0.1", priority: 0),
                    DownloadQueueSnapshot.Running(id: me, host: "127.0.0.1", priority: 0),
                ]
                return DownloadQueueSnapshot(running: running, waiting: othersWait.isSet ? ["fast": 1] : [:], limit: 2)
            }
            settings.gaveWay = { _ = gaveWay.next() }
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let runtime = TestRuntime()
        let attempt = Task { await harness.failure(job, runtime: runtime, settings: settings) }
        try await eventually("bytes arrive") { runtime.received >= 300_000 }
        othersWait.set()
        let error = await attempt.value
        #expect(error?.code == .hostBusy)
        #expect(gaveWay.value == 1)
        #expect(runtime.checkpoint?.offset == 300_000)
        let later = harness.settings()
        #expect(try await harness.run(job, after: runtime, settings: later).sha256 == sha256(body))
        #expect(origin.asked.last?.rangeStart == 300_000)
        await origin.stop()
    }

    @Test func `a stop request is kept in a shared slot`() async throws {
        let table = try #require(table { nil })
        let work = Task {
            try await table.inSlot(of: "h", self.id("x"), stopReason: { .pause }) {
                try await Task.sleep(for: .seconds(60))
                return 1
            }
        }
        try await eventually("it runs") { table.count(of: "h") == 1 }
        work.cancel()
        await #expect(throws: CancellationError.self) { try await work.value }
        #expect(table.count(of: "h") == 0)
    }

    private func table(_ snapshot: @escaping @Sendable () async -> DownloadQueueSnapshot?) -> HostTable? {
        var configuration = DownloadConfiguration(directory: "/tmp")
        configuration.snapshot = snapshot
        return HostTable(configuration)
    }
}
