// Audit and repair: each kind of damage is found, a dry run changes nothing, a repair leaves nothing to find.

import MartletJobs
import MartletQueue
import MartletRedis
import TestSupport
import Testing

/// A kind of damage: how it is done to a store with a queued, a delayed, a paused, an active and a failed job.
struct Damage: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// What the audit says; `nil` where only the ledger shows it.
    var finding: String?
    /// Where the queued job is after the repair; `nil` for no such job.
    var end: JobState? = .queued
    var plant: @Sendable (DamagedStore) async throws -> Void

    static let all: [Damage] = [
        Damage(testDescription: "an entry without a job", finding: "index entry without a job") {
            try await $0.redis("ZADD", "queued", "1", "ghost")
        },
        Damage(testDescription: "a lost hash", finding: "index entry without a job", end: nil) {
            try await $0.redis("DEL", "job:\($0.queued)")
        },
        Damage(testDescription: "a job in no index", finding: "job in no index") {
            try await $0.redis("ZREM", "queued", "\($0.queued)")
        },
        Damage(testDescription: "a running job in no index", finding: "job in no index") {
            try await $0.redis("ZREM", "active", "\($0.active)")
        },
        Damage(testDescription: "a job in two indexes", finding: "stands in more than one index") {
            try await $0.redis("ZADD", "failed", "1", "\($0.queued)")
        },
        Damage(testDescription: "a job in line and set aside", finding: "stands in more than one index", end: .paused) {
            try await $0.redis("ZADD", "paused", "1", "\($0.queued)")
        },
        Damage(testDescription: "a live token outside active", finding: "token does not fit the state") {
            try await $0.redis("HSET", "job:\($0.queued)", "k", "1:live")
        },
        Damage(testDescription: "an active job without a token", finding: "token does not fit the state") {
            try await $0.redis("HDEL", "job:\($0.active)", "k")
        },
        Damage(testDescription: "a score that fits no priority", finding: "score does not fit its priority") {
            try await $0.redis("ZADD", "queued", "inf", "\($0.queued)")
        },
        Damage(testDescription: "a due time that is none", finding: "score is no time") {
            try await $0.redis("ZADD", "delayed", "1.5", "\($0.delayed)")
        },
        Damage(testDescription: "a lease for ever", finding: "score is no time") {
            try await $0.redis("ZADD", "active", "inf", "\($0.active)")
        },
        Damage(testDescription: "a priority that is none", finding: "priority is no number") {
            try await $0.redis("HSET", "job:\($0.queued)", "r", "nan")
        },
        Damage(testDescription: "a place that is none", finding: "no place in line") {
            try await $0.redis("HSET", "job:\($0.paused)", "at", "tomorrow")
        },
        Damage(testDescription: "a lost payload", finding: "fields are missing", end: .failed) {
            try await $0.redis("HDEL", "job:\($0.queued)", "p")
        },
        Damage(
            testDescription: "a cancel wanted of a waiting job", finding: "a stop is wanted of a job that does not run",
            end: .cancelled
        ) { try await $0.redis("HSET", "job:\($0.queued)", "w", "cancel:1") },
        Damage(
            testDescription: "a pause wanted of a waiting job", finding: "a stop is wanted of a job that does not run",
            end: .paused
        ) { try await $0.redis("HSET", "job:\($0.queued)", "w", "pause:1") },
        Damage(testDescription: "a hidden stop", finding: "its token hides that its end has more to look at") {
            try await $0.redis("HSET", "job:\($0.active)", "w", "pause:1")
        },
        Damage(testDescription: "a job that expires", finding: "may expire") {
            try await $0.redis("EXPIRE", "job:\($0.queued)", "1000")
        },
        Damage(testDescription: "a unique key of nobody", finding: "unique key held by a job that does not name it") {
            try await $0.redis("HSET", "unique", "mine", "nobody")
        },
        Damage(testDescription: "a unique key of a failed job", finding: "unique key held by a finished job") {
            try await $0.redis("HSET", "unique", "over", "\($0.failed)")
            try await $0.redis("HSET", "job:\($0.failed)", "u", "over")
        },
        Damage(testDescription: "a job without its unique key", finding: "does not hold its unique key") {
            try await $0.redis("HSET", "job:\($0.queued)", "u", "lost")
        },
        Damage(testDescription: "jobs counted too often", finding: nil) {
            try await $0.redis("HINCRBY", "meta", "created", "3")
        },
        Damage(testDescription: "jobs not counted", finding: nil) {
            try await $0.redis("HINCRBY", "meta", "created", "-2")
        },
    ]
}

/// A store to damage, with one job of each kind.
struct DamagedStore: Sendable {
    let harness: QueueHarness
    let queued: JobID
    let delayed: JobID
    let paused: JobID
    let active: JobID
    let failed: JobID

    init(_ harness: QueueHarness) async throws {
        let queue = harness.queue()
        self.harness = harness
        _ = try await queue.enqueue([job(), job()])
        let claimed = try await harness.claim(2, from: queue)
        (active, failed) = (claimed[0].id, claimed[1].id)
        _ = try await queue.settle(claimed[1], .failedForGood(error: "x"))
        let jobs = [job(priority: 5), job(delay: .seconds(60)), job()]
        _ = try await queue.enqueue(jobs)
        (queued, delayed, paused) = (jobs[0].id, jobs[1].id, jobs[2].id)
        _ = try await queue.control(.pause, paused)
    }

    /// A command whose first argument is one of the queue's keys.
    func redis(_ name: String, _ key: String, _ words: String...) async throws {
        var arguments = RedisArguments(name, harness.key(key))
        for word in words { arguments.append(word) }
        _ = try await harness.redis.send(.command(arguments))
    }

    /// Every byte of the queue.
    func bytes() async throws -> [String: RedisValue] {
        var bytes: [String: RedisValue] = [:]
        for key in try await harness.command("KEYS", "\(harness.prefix):*").array ?? [] {
            guard let key = key.string else { continue }
            bytes[key] = try await harness.command("DUMP", key)
        }
        return bytes
    }
}

@Suite struct RepairTests {
    @Test(arguments: Damage.all)
    func `damage is found, a dry run changes no byte, and a repair leaves nothing to find`(
        _ damage: Damage
    ) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let wreck = try await DamagedStore(harness)
            #expect(try await queue.audit().isClean)
            try await damage.plant(wreck)
            let report = try await queue.audit()
            #expect(!report.isClean)
            if let finding = damage.finding { #expect(report.findings.map(\.what).contains(finding)) }

            let before = try await wreck.bytes()
            let planned = try await queue.repair(report)
            #expect(!planned.isEmpty)
            #expect(planned.allSatisfy { $0.after == nil && !$0.steps.isEmpty })
            #expect(try await wreck.bytes() == before)

            let done = try await queue.repair(report, dryRun: false)
            #expect(done.allSatisfy { $0.after != nil }, "\(done)")
            let after = try await queue.audit()
            #expect(after.isClean, "\(after.findings) \(after.ledgerDifference)")
            #expect(after.repaired == done.count)
            #expect(try await queue.state(wreck.queued) == damage.end)
            #expect(try await queue.repair(after, dryRun: false).isEmpty, "nothing is left to do")
        }
    }

    @Test func `a repair of a healthy queue does nothing, and none is ever called completed or deleted`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let wreck = try await DamagedStore(harness)
            let before = try await wreck.bytes()
            #expect(try await queue.repair(try await queue.audit(), dryRun: false).isEmpty)
            #expect(try await wreck.bytes() == before)
        }
    }

    @Test func `the holder of a job may continue after its entry was lost and repaired`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            let held = try #require(try await harness.claim(from: queue).first)
            try await harness.command("ZREM", harness.key("active"), held.id.description)
            _ = try await queue.repair(try await queue.audit(), dryRun: false)
            #expect(try await queue.settle(held, .completed(output: nil)) == .settled(.completed))
        }
    }

    @Test func `repair does not change what another job holds`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let wreck = try await DamagedStore(harness)
            var holder = job()
            holder.uniqueKey = "k"
            _ = try await queue.enqueue(holder)
            try await wreck.redis("HSET", "job:\(wreck.queued)", "u", "k")
            let repairs = try await queue.repair(try await queue.audit(), dryRun: false)
            #expect(repairs.map(\.steps) == [["left: another job holds its unique key"]])
            #expect(repairs.allSatisfy { $0.after == nil })
            try await wreck.redis("HDEL", "job:\(wreck.queued)", "u")
        }
    }

    @Test func `a damaged queue of many jobs is repaired page by page`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<600).map { _ in job() }
            _ = try await queue.enqueueAtomically(jobs)
            for index in stride(from: 0, to: 600, by: 3) {
                try await harness.command("ZREM", harness.key("queued"), jobs[index].id.description)
            }
            let report = try await queue.audit()
            #expect(report.findings.count == 200)
            #expect(report.ledgerDifference == 200)
            #expect(try await queue.repair(report, dryRun: false).count == 200)
            #expect(try await queue.audit().isClean)
            #expect(try await queue.status()?.jobs[.queued] == 600)
        }
    }
}
