// How safe a push is when it is answered: the choice of the command, and what real servers confirm.

import Foundation
import MartletJobs
import MartletRedis
import Synchronization
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct DurabilityProofTests {
    private static let new = RedisVersion("7.2.4")
    private static let old = RedisVersion("7.0.15")

    @Test func `durability is read with WAITAOF, on older servers from settings or replicas`() {
        func words(_ durability: Durability, _ version: RedisVersion?) -> [String]? {
            DurabilityProof(of: durability, version: version, within: .milliseconds(250))?.words
        }
        for version in [Self.new, Self.old, nil] { #expect(words(.memory, version) == nil) }
        for text in ["7.2.0", "7.4.1", "8.0.3", "10.0"] {
            #expect(words(.fsync, RedisVersion(text)) == ["WAITAOF", "1", "0", "250"])
            #expect(words(.replicated, RedisVersion(text)) == ["WAITAOF", "1", "1", "250"])
        }
        for version in [Self.old, RedisVersion("6.2"), RedisVersion("unknown"), nil] {
            #expect(
                words(.fsync, version) == ["CONFIG", "GET", "appendfsync", "appendonly", "no-appendfsync-on-rewrite"])
            #expect(words(.replicated, version) == ["WAIT", "1", "250"])
        }
        #expect(DurabilityProof(of: .replicated, version: Self.old, within: .zero)?.words == ["WAIT", "1", "1"])
    }

    @Test func `only full counts are a confirmation`() {
        func objection(_ durability: Durability, _ value: RedisValue, _ version: RedisVersion? = Self.new) -> String? {
            DurabilityProof(of: durability, version: version, within: .seconds(1))?.objection(to: .success(value))
        }
        #expect(objection(.fsync, .array([.integer(1), .integer(0)])) == nil)
        #expect(objection(.fsync, .array([.integer(0), .integer(2)]))?.contains("to its disk within 1000 ms") == true)
        #expect(objection(.replicated, .array([.integer(1), .integer(1)])) == nil)
        #expect(objection(.replicated, .array([.integer(1), .integer(0)]))?.contains("no replica") == true)
        #expect(objection(.replicated, .array([.integer(0), .integer(1)])) != nil)
        #expect(objection(.replicated, .integer(2), Self.old) == nil)
        #expect(objection(.replicated, .integer(0), Self.old)?.contains("no replica") == true)
        for odd in [RedisValue.null, .array([]), .array([.integer(1)]), .bytes(Array("OK".utf8))] {
            #expect(objection(.fsync, odd) != nil)
            #expect(objection(.replicated, odd, Self.old) != nil)
        }
    }

    @Test(arguments: ["appendonly", "appendfsync", "no-appendfsync-on-rewrite", nil])
    func `a server without WAITAOF confirms by all three of its settings`(wrong: String?) {
        let proof = DurabilityProof(of: .fsync, version: Self.old, within: .seconds(1))
        var pairs: [RedisValue] = []
        for (name, value) in DurabilityProof.safeSettings {
            pairs += [name, name == wrong ? "other" : value].map { .bytes(Array($0.utf8)) }
        }
        let objection = proof?.objection(to: .success(.array(pairs)))
        #expect((objection == nil) == (wrong == nil))
        if let wrong { #expect(objection?.contains(wrong) == true) }
        #expect(proof?.objection(to: .success(.array([]))) != nil)
    }

    @Test func `refused and lost waits are reported`() {
        let proof = DurabilityProof(of: .fsync, version: Self.new, within: .seconds(1))
        let refused = RedisError(.serverError, "unknown command 'WAITAOF'")
        #expect(proof?.objection(to: .failure(refused))?.contains("refused to wait") == true)
        let lost = RedisError(.connectionLost, "gone")
        #expect(proof?.objection(to: .failure(lost))?.contains("connection") == true)
    }

    @Test func `the durability of two pushes together is the lower one`() {
        let late = Confirmation.unconfirmed(.fsync, reason: "late")
        #expect(Confirmation.confirmed(.replicated).and(.confirmed(.fsync)) == .confirmed(.fsync))
        #expect(Confirmation.confirmed(.replicated).and(late) == late)
        #expect(late.and(.confirmed(.memory)) == late)
        #expect("\(late)" == "unconfirmed")
        #expect("\(Confirmation.confirmed(.fsync))" == "fsync")
    }
}

@Suite(.needsCleanLine("it counts what its own servers were asked")) struct DurabilityTests {
    @Test func `a push is confirmed by a replica, and unconfirmed while none answers; a repeat resolves it`()
        async throws
    {
        try await withPair { pair, harness, patient in
            let queue = harness.queue()
            let first = try await patient.enqueue(job(), durability: .replicated)
            #expect(first.durability == .confirmed(.replicated))
            #expect(first.outcome == .created(.queued))
            pair.replica.pause()
            var late = job(try makeID("late"))
            late.digest = late.requestDigest()
            let unsure = try await queue.enqueue(late, durability: .replicated)
            #expect(unsure.outcome == .created(.queued), "it has happened all the same")
            #expect(unsure.durability.reason?.contains("no replica has confirmed it within") == true)
            #expect(try await queue.state(late.id) == .queued)
            let again = try await queue.enqueue(late, durability: .replicated)
            #expect(again.outcome == .existing(.queued))
            #expect(again.durability.reason != nil, "a repeat that writes nothing new must not count as confirmed")
            pair.replica.unpause()
            let resolved = try await patient.enqueue(late, durability: .replicated)
            #expect(resolved.outcome == .existing(.queued))
            #expect(resolved.durability == .confirmed(.replicated))
            #expect(try await queue.status()?.createdEver == 2)
        }
    }

    @Test func `a repeat writes one field to wait for, and only where it waits`() async throws {
        try await withPair { _, harness, _ in
            let queue = harness.queue()
            let known = job()
            _ = try await queue.enqueue([known])
            _ = try await queue.enqueue([known])
            #expect(try await harness.command("HGET", harness.key("meta"), "confirmed_at").isNull)
            #expect(try await queue.enqueue(known, durability: .replicated).outcome == .existing(.queued))
            #expect(try await harness.command("HGET", harness.key("meta"), "confirmed_at").int != nil)
        }
    }

    @Test func `a push confirmed by a replica survives the loss of the primary`() async throws {
        let pair = try await ReplicaPair.start()
        var pushed: [JobID] = []
        let prefix = uniquePrefix()
        try await withRunningStore(pair.primary.url, prefix) { store in
            let queue = store.queue(.default)
            for _ in 0..<20 {
                let (new, bulk) = (job(), [job(), job()])
                #expect(try await queue.enqueue(new, durability: .replicated).durability == .confirmed(.replicated))
                let many = try await queue.enqueue(bulk, durability: .replicated)
                #expect(many.durability == .confirmed(.replicated))
                pushed += [new.id] + bulk.map(\.id)
            }
            pair.primary.kill()
        }
        try await ask(pair.replica, "REPLICAOF", "NO", "ONE")
        try await withRunningStore(pair.replica.url, prefix) { store in
            let found = try await store.queue(.default).jobs(pushed)
            #expect(found.count { $0 == nil } == 0)
        }
        await pair.stop()
    }

    @Test func `with appendfsync always every answer is a confirmation, and none is lost by a crash`()
        async throws
    {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("always"), options: ["--appendonly", "yes", "--appendfsync", "always"])
        let prefix = uniquePrefix()
        var ids: [JobID] = []
        try await withRunningStore(server.url, prefix) { store in
            for _ in 0..<50 {
                let new = job()
                let pushed = try await store.queue(.default).enqueue(new, durability: .fsync)
                #expect(pushed.durability == .confirmed(.fsync))
                ids.append(new.id)
            }
            let atomic = (0..<5).map { _ in job() }
            let pushed = try await store.queue(.default).enqueueAtomically(atomic, durability: .fsync)
            #expect(pushed.durability == .confirmed(.fsync))
            #expect(pushed.outcome == .accepted(Array(repeating: .created(.queued), count: 5)))
            ids += atomic.map(\.id)
            server.kill()
        }
        try await server.restart()
        try await withRunningStore(server.url, prefix) { store in
            let found = try await store.queue(.default).jobs(ids)
            #expect(found.count { $0 == nil } == 0)
            let report = try await store.queue(.default).audit()
            #expect(report.isClean)
        }
        await server.stop()
    }

    @Test(arguments: [["appendonly", "no"], ["appendfsync", "everysec"], ["no-appendfsync-on-rewrite", "yes"]])
    func `a server that cannot be asked and syncs later confirms nothing, and says why`(setting: [String]) async throws
    {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("everysec"),
            options: ["--appendonly", "yes", "--appendfsync", "always", "--\(setting[0])", setting[1]])
        try await withStore(url: server.url) { harness in
            let new = job()
            let pushed = try await harness.queue().enqueue(new, durability: .fsync)
            #expect(pushed.outcome == .created(.queued))
            #expect(try #require(pushed.durability.reason).contains("\(setting[0]) "))
            #expect(try await harness.queue().state(new.id) == .queued)
            try await harness.command("CONFIG", "SET", "appendonly", "yes")
            try await harness.command("CONFIG", "SET", "appendfsync", "always")
            try await harness.command("CONFIG", "SET", "no-appendfsync-on-rewrite", "no")
            // What the server is set to now counts, once it has written its first file.
            try await eventually("it is confirmed") {
                try await harness.queue().enqueue(new, durability: .fsync).durability == .confirmed(.fsync)
            }
        }
        await server.stop()
    }

    @Test func `a queue's level holds for every push, and a push can only raise it`() async throws {
        try await withPair { pair, harness, queue in
            let plain = try await queue.enqueue(job(), durability: nil)
            #expect(plain.durability == .confirmed(.memory))
            // The store forgets it every few seconds.
            try await eventually("the level is known") {
                _ = try await queue.enqueue(job(), durability: nil)
                return queue.calls.level.load(ordering: .relaxed) == 0
            }
            try await queue.configure(QueueSettingsChange(durability: .replicated))
            #expect(try await queue.status()?.settings.durability == .replicated)
            // What the store does every few seconds.
            queue.calls.level.store(-1, ordering: .relaxed)
            for asked in [nil, Durability.memory, .fsync, .replicated] {
                #expect(try await queue.enqueue(job(), durability: asked).durability == .confirmed(.replicated))
                queue.calls.level.store(-1, ordering: .relaxed)
            }
            #expect(try await queue.enqueue([job(), job()], durability: nil).durability == .confirmed(.replicated))
            queue.calls.level.store(-1, ordering: .relaxed)
            #expect(try await queue.enqueueAtomically([job()], durability: nil).durability == .confirmed(.replicated))
            pair.replica.pause()
            let start = ContinuousClock.now
            #expect(try await harness.queue().enqueue(job()) == .created(.queued))
            #expect(ContinuousClock.now - start >= .milliseconds(900), "also those wait that do not ask for the answer")
            pair.replica.unpause()
            try await queue.configure(QueueSettingsChange(durability: .memory))
            queue.calls.level.store(-1, ordering: .relaxed)
            #expect(try await queue.enqueue(job(), durability: nil).durability == .confirmed(.memory))
            await #expect(throws: QueueError.self) {
                _ = try await queue.run(.enqueue, RedisArguments("each 3", "id", "", "t", "{}"))
            }
        }
    }

    @Test func `a push without durability needs no further command or connection`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("plain"))
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            try await harness.command("CONFIG", "RESETSTAT")
            for _ in 0..<100 { _ = try await queue.enqueue(job(), durability: nil) }
            for _ in 0..<100 { _ = try await queue.enqueue(job()) }
            let statistics = try #require(try await harness.command("INFO", "commandstats").string)
            // The store looks again every five seconds, and the test may be slow.
            #expect(calls(of: "hget", in: statistics) <= 3)
            #expect(calls(of: "wait", in: statistics) == 0)
            #expect(try await harness.command("CLIENT", "LIST").string?.contains("-durable") == false)
            _ = try await queue.enqueue(job(), durability: .fsync)
            #expect(try await harness.command("CLIENT", "LIST").string?.contains("martlet-durable") == true)
        }
        await server.stop()
    }

    @Test func `waiting pushes do not delay others, and share their waits`() async throws {
        try await withPair { pair, harness, queue in
            _ = try await queue.enqueue(job(), durability: .replicated)
            try await harness.command("CONFIG", "RESETSTAT")
            pair.replica.pause()
            let begun = Count()
            let answered = Atomic(0)
            let waiting = Task {
                try await withThrowingTaskGroup(of: Pushed<EnqueueVerdict>.self) { group in
                    for _ in 0..<60 {
                        group.addTask {
                            begun.add()
                            return try await queue.enqueue(job(), durability: .replicated)
                        }
                    }
                    return try await group.reduce(into: [Pushed<EnqueueVerdict>]()) { all, one in
                        all.append(one)
                        answered.add(1, ordering: .relaxed)
                    }
                }
            }
            try await eventually("somebody waits") {
                let list = try await harness.command("CLIENT", "LIST").string ?? ""
                let waits = list.split(separator: "\n").contains { $0.contains("-durable") && $0.contains("cmd=wait") }
                return waits && begun.value == 60
            }
            let before = answered.load(ordering: .relaxed)
            for _ in 0..<50 { _ = try await queue.enqueue(job()) }
            #expect(before == 0 && answered.load(ordering: .relaxed) == 0, "50 plain pushes overtook those that wait")
            pair.replica.unpause()
            let pushed = try await waiting.value
            #expect(pushed.allSatisfy { $0.outcome == .created(.queued) })
            #expect(pushed.allSatisfy { $0.durability == .confirmed(.replicated) })
            let statistics = try await harness.command("INFO", "commandstats").string ?? ""
            // Two that are alone and the rest together, but for what a slow machine has only begun.
            #expect((2...8).contains(calls(of: "wait", in: statistics)), "60 pushes in \(statistics)")
        }
    }

    @Test func `a script that the server has forgotten is sent with its wait behind it again`() async throws {
        try await withPair { _, harness, queue in
            _ = try await queue.enqueue(job(), durability: .replicated)
            try await harness.command("SCRIPT", "FLUSH")
            try await harness.command("FUNCTION", "FLUSH")
            try await harness.command("CONFIG", "RESETSTAT")
            let pushed = try await queue.enqueue(job(), durability: .replicated)
            #expect(pushed.durability == .confirmed(.replicated))
            let statistics = try await harness.command("INFO", "commandstats").string ?? ""
            #expect(calls(of: "wait", in: statistics) == 2)
            #expect(calls(of: loadCommand, in: statistics) == 1)
        }
    }

    @Test func `refusals are the same at every durability`() async throws {
        try await withPair { _, _, queue in
            var (one, other) = (job(try makeID("one")), job(try makeID("one"), priority: 3))
            one.digest = one.requestDigest()
            other.digest = other.requestDigest()
            let pushed = try await queue.enqueue([one, other], durability: .replicated)
            #expect(pushed.outcome == [.created(.queued), .conflict])
            let atomic = try await queue.enqueueAtomically([job(), other], durability: .replicated)
            #expect(atomic.outcome == .refused(index: 1, .conflict))
            let bulk = (0..<450).map { _ in job() }
            let many = try await queue.enqueue(bulk, durability: .replicated)
            #expect(many.outcome == Array(repeating: .created(.queued), count: 450))
            #expect(many.durability == .confirmed(.replicated))
        }
    }
}

/// How often something has happened.
private final class Count: Sendable {
    private let number = Atomic(0)

    var value: Int { number.load(ordering: .relaxed) }

    func add() { number.add(1, ordering: .relaxed) }
}

/// Runs a test with a store of its own on a primary with a replica.
///
/// The store of the harness waits a second for a confirmation; `patient`, the same queue in another store, waits as
/// long as a busy machine may need.
private func withPair(
    _ body: @escaping @Sendable (_ pair: ReplicaPair, _ harness: QueueHarness, _ patient: Queue) async throws -> Void
) async throws {
    let pair = try await ReplicaPair.start()
    try await withStore(url: pair.primary.url, commandTimeout: .seconds(30)) { harness in
        try await withRunningStore(pair.primary.url, harness.prefix) { store in
            try await body(pair, harness, store.queue(harness.queue().name))
        }
    }
    await pair.stop()
}

/// Runs a store as long as `body` takes, whatever becomes of its server; it waits long for confirmations.
private func withRunningStore(
    _ url: String, _ prefix: String, _ body: (JobStore) async throws -> Void
) async throws {
    let store = JobStore(
        redis: try .ofTests(url: url, isPatient: true), prefix: prefix, confirmationLimit: .seconds(30),
        logger: noLogger)
    let running = Task { try await store.run() }
    let result: Result<Void, any Error>
    do {
        try await store.waitUntilConnected(within: .seconds(30))
        result = .success(try await body(store))
    } catch { result = .failure(error) }
    running.cancel()
    _ = await running.result
    try result.get()
}

/// How often a command was called, as `INFO commandstats` tells it.
private func calls(of command: String, in statistics: String) -> Int {
    let line = statistics.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_\(command):calls=") }
    return line.flatMap { Int($0.dropFirst("cmdstat_\(command):calls=".count).prefix { $0.isNumber }) } ?? 0
}
