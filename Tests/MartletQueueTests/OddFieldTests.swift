// A job's hash may hold anything: no stored field ends a process, stops a queue, or keeps other jobs from running.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct OddFieldTests {
    private static let numbers = [
        "nan", "-nan", "inf", "-inf", "1e300", "-1e300", "0x10", "-1", "0", "1.5", "9223372036854775807",
        "-9223372036854775808", "9223372036854775808", "9007199254740993", String(repeating: "9", count: 400),
    ]
    private static let texts = [
        "", " ", "-", "*", ":", "1:", "-1:", "1:a*", "1e20:a", "999999999999999999999:a", "3 2", "2 9", "nan 1",
        "pause",
        "pause:", "cancel:nan", "cancel:99999999999999999999", "x:1", "1/9223372036854775807/1", "1/100/1e300",
        "9223372036854775807/1/1", "-5/-5/-5", "nan/nan/nan", "1/1/1e-300", "0:0:0:0", "1:1e400:1:2", "-1:-1:-1:-1",
        "9223372036854775807:1000:9223372036854775807:1", "🐦", "a\nb", "\u{0}",
    ]

    @Test(arguments: 0..<40)
    func `whatever a job's fields contain, reads answer and other jobs run`(seed: UInt64) async throws {
        try await withStore { harness in
            var dice = SplitMix(seed)
            let queue = harness.queue()
            let odd = [job(), job(delay: .milliseconds(1)), job(), job(), job(), job(priority: 1)]
            _ = try await queue.enqueue(odd)
            let held = try await harness.claim(2, from: queue)
            _ = try await queue.control(.pause, odd[3].id)
            _ = try await queue.control(.cancel, odd[4].id)
            for job in odd { try await spoil(job.id, &dice, harness) }
            let good = job()
            _ = try await queue.enqueue(good)
            try await useEverything(queue, odd.map(\.id), held, harness)
            #expect(try await runs(good.id, queue))
            for job in odd { try await harness.command("DEL", harness.key("job:\(job.id)")) }
            _ = try await queue.repair(try await queue.audit(), dryRun: false)
        }
    }

    @Test func `progress out of range is clamped when it is stored and when it is read`() throws {
        let far = JobProgress(completed: .max, total: .max, rate: 1e300)
        #expect(far.stored == "9007199254740992/9007199254740992/")
        #expect(JobProgress(stored: "1/9223372036854775807/1")?.total == 1 << 53)
        #expect(JobProgress(stored: "1/100/1e300") == JobProgress(completed: 1, total: 100))
        #expect(JobProgress(stored: "-4/-1/-1") == JobProgress(completed: 0, total: 0))
        #expect(JobProgress(stored: "1/2/1e-300")?.rate == 0)
    }

    @Test func `a job with an empty type fails as poison and stops no worker`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.configure(QueueSettingsChange(lease: .milliseconds(50)))
            let odd = job()
            _ = try await queue.enqueue(odd)
            try await harness.command("HSET", harness.key("job:\(odd.id)"), "t", "")
            try await eventually("the job has failed") {
                _ = try await harness.claim(from: queue)
                _ = try await queue.sweep()
                return try await queue.state(odd.id) == .failed
            }
            #expect(try await queue.job(odd.id)?.error?.hasPrefix("poison") == true)
        }
    }

    @Test func `numbers of a queue that no script writes are bounded`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            for (created, deleted) in [("9223372036854775807", "-9223372036854775808"), ("-5", "nan"), ("1e300", "")] {
                try await harness.command("HSET", harness.key("meta"), "created", created, "deleted", deleted)
                _ = try await queue.status()?.ledgerDifference
                _ = try await queue.audit()
                _ = try await harness.store.marks()
            }
            try await harness.command("HSET", harness.key("meta"), "created", "1", "deleted", "0")
        }
    }

    /// Up to four fields become something else.
    private func spoil(_ id: JobID, _ dice: inout SplitMix, _ harness: QueueHarness) async throws {
        for _ in 0..<(1 + dice.next(4)) {
            let field = JobField.allCases[dice.next(JobField.allCases.count)]
            let values = Self.numbers + Self.texts
            try await harness.command(
                "HSET", harness.key("job:\(id)"), field.rawValue, values[dice.next(values.count)])
        }
    }

    private func useEverything(
        _ queue: Queue, _ ids: [JobID], _ held: [ClaimedJob], _ harness: QueueHarness
    ) async throws {
        _ = try await queue.heartbeat(worker: "w", held.map { Heartbeat(id: $0.id, token: $0.token, checkpoint: [1]) })
        for record in try await queue.jobs(ids) {
            guard let record else { continue }
            _ = record.retryPolicy.delay(afterFailure: record.attempt)
            _ = record.progress?.stored
        }
        _ = try await queue.list()
        _ = try await queue.status()
        _ = try await queue.audit()
        for _ in 0..<2 {
            _ = try await queue.sweep()
            try await harness.command("HSET", harness.key("meta"), "grace", "0")
        }
        for verb: ControlVerb in [.pause, .resume, .priority(3), .run, .cancel, .retry] {
            _ = try await queue.control(verb, ids)
        }
        for outcome: Settlement.Outcome in [
            .failed(retryAfter: .zero, error: "x"), .crashed(retryAfter: .zero, error: "x"),
        ] {
            _ = try await queue.settle(held.map { Settlement(id: $0.id, token: $0.token, outcome: outcome) })
        }
    }

    /// Whether the job can be claimed and completed, with others before it.
    private func runs(_ id: JobID, _ queue: Queue) async throws -> Bool {
        for number in 1...10 {
            let claimed = try await queue.claim(ClaimRequest(worker: "good", number: number, upTo: 20, lastChances: 20))
                .jobs
            let verdicts = try await queue.settle(claimed.map(\.completion)).verdicts
            guard let place = claimed.firstIndex(where: { $0.id == id }) else { continue }
            return verdicts[place] == .settled(.completed)
        }
        return false
    }
}

/// A small source of chance that says the same for the same seed.
struct SplitMix {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((value ^ (value >> 31)) % UInt64(bound))
    }
}
