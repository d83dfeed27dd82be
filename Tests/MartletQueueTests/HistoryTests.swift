// The history of a queue: which steps are read, how they follow from samples, and what sweeps keep.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

/// What the pure part of a history makes of samples.
@Suite struct HistoryCurveTests {
    private static let month = 2_592_000_000

    @Test(arguments: 0..<50)
    func `a plan has whole slots of a ring that goes back so far, and not too many steps`(seed: UInt64) {
        var dice = SplitMix(seed)
        let now = 1_800_000_000_000 + dice.next(100_000_000)
        for _ in 0..<200 {
            let step = dice.next(dice.next(2) == 0 ? 100_000 : 4_000_000_000) - 5
            let from = now - dice.next(dice.next(2) == 0 ? 700_000 : 4_000_000_000) + 1000
            let swept = now - dice.next(5000)
            let to = dice.next(2) == 0 ? now : now - dice.next(3_000_000_000)
            let plan = HistoryPlan(step: step, from: dice.next(4) == 0 ? nil : from, to: to, now: now, swept: swept)
            #expect(plan.step % plan.ring.slot == 0 && plan.step >= min(step, Self.month) && plan.step > 0)
            #expect(plan.start % plan.step == 0 && (0...Queue.historyLimit).contains(plan.count))
            let end = plan.start + plan.count * plan.step
            #expect(end <= swept || plan.count == 0, "a step that is not over")
            #expect(min(to, swept) - end < plan.step || plan.count == 0, "the last step that is over is missing")
            #expect(plan.ring.span >= min(now - plan.start, Self.month) - plan.step)
        }
    }

    @Test(arguments: [Int.min, -1, 0, 1, Int.max])
    func `a plan for absurd numbers ends no process`(number: Int) {
        for (step, from, to) in [(number, 0, 0), (1, number, 5), (1, 5, number), (number, number, number)] {
            for swept in [0, 1_800_000_000_000, Int.max] {
                let plan = HistoryPlan(step: step, from: from, to: to, now: 1_800_000_000_000, swept: swept)
                #expect((0...Queue.historyLimit).contains(plan.count))
                let history = QueueHistory(plan, [HistoryPart(curve: HistoryCurve([], ring: plan.ring, swept: swept))])
                #expect(history.points.allSatisfy { $0.pushed == nil && $0.queued == nil })
            }
        }
    }

    /// Sweeps come at odd moments, and skip slots; samples like the one before are left out.
    @Test(arguments: 0..<40)
    func `steps add up to what the counters say, and an even rate has no waves`(seed: UInt64) {
        var dice = SplitMix(seed)
        let start = 1_800_000_000_000
        let isEven = seed % 2 == 0
        var samples: [HistorySample] = []
        var (at, last, total) = (start - 100, start - 1000, 0)
        while at < start + 130_000 {
            if isEven { total = (at - start + 100) / 10 } else if dice.next(3) == 0 { total += 1 + dice.next(9) }
            let sample = HistorySample(
                at: at, quiet: samples.isEmpty ? 0 : at - last, numbers: [total, 0, 0, 0, total % 7, 1, 2])
            if samples.last?.numbers != sample.numbers { samples.append(sample) }
            last = at
            at += 700 + dice.next(900)
        }
        let step = 1000 * [1, 2, 5, 10, 60][Int(seed / 2) % 5]
        var plan = HistoryPlan(step: step, from: start, to: start + 120_000, now: last, swept: last)
        #expect(plan.start == start && plan.count == 120_000 / step)
        plan.ring = .seconds
        let points = QueueHistory(plan, [HistoryPart(curve: HistoryCurve(samples, ring: .seconds, swept: last))]).points
        let pushed = points.reduce(0) { $0 + ($1.pushed ?? -1000) * Double(step) / 1000 }
        var (first, second) = (HistoryCurve(samples, ring: .seconds, swept: last), 0.0)
        let before = first.reading(at: start)?.counters[0] ?? -1
        second = first.reading(at: start + 120_000)?.counters[0] ?? -1
        #expect(abs(pushed - (second - before)) < 1e-6 && second > before)
        if isEven { #expect(points.allSatisfy { abs(($0.pushed ?? 0) - 100) < 1 }, "\(points.map(\.pushed))") }
    }

    private func history(_ samples: [HistorySample], swept: Int, count: Int, step: Int = 1000) -> [QueueHistory.Point] {
        var plan = HistoryPlan(step: step, from: 0, to: nil, now: 0, swept: 0)
        (plan.ring, plan.step, plan.start, plan.count) = (.seconds, step, 0, count)
        return QueueHistory(plan, [HistoryPart(curve: HistoryCurve(samples, ring: .seconds, swept: swept))]).points
    }

    private func sample(_ at: Int, _ pushed: Int, quiet: Int = 1000) -> HistorySample {
        HistorySample(at: at, quiet: quiet, numbers: [pushed, 0, 0, 0, pushed, 0, 0])
    }

    @Test func `nothing happened is zero, and nobody looked is not known`() {
        // Sampled at 2 s, swept until 5 s with nothing new, then by nobody until 12 s.
        let samples = [sample(2000, 5, quiet: 0), sample(12_000, 12, quiet: 7000), sample(13_000, 13)]
        let points = history(samples, swept: 13_000, count: 15)
        #expect(points.map(\.pushed) == [nil, nil, 0, 0, 0] + Array(repeating: nil, count: 7) + [1, nil, nil])
        #expect(points.map(\.queued) == [nil, 5, 5, 5, 5] + Array(repeating: nil, count: 6) + [12, 13, nil, nil])
        // A long step over the gap has its rate, since the counters at both ends are known.
        #expect(
            history([sample(0, 0, quiet: 0)] + samples, swept: 14_000, count: 1, step: 14_000).first?.pushed == 13.0
                / 14)
        #expect(history([], swept: 9000, count: 2).allSatisfy { $0.pushed == nil && $0.queued == nil })
    }

    @Test func `counters that went back give no rate, and what a wrong clock sampled counts no more`() {
        let older = [sample(1000, 9, quiet: 0), sample(2000, 4), sample(3000, 6)]
        #expect(history(older, swept: 3000, count: 3).map(\.pushed) == [nil, nil, 2])
        // 1 s, then an hour ahead, then back.
        let entries = [
            sample(1000, 1, quiet: 0), sample(3_600_000, 2), sample(3_601_000, 3), sample(2500, 4, quiet: 0),
            sample(3500, 5),
        ]
        let kept = HistorySample.inOrder(entries)
        #expect(kept.map(\.at) == [1000, 2500, 3500])
        #expect(history(kept, swept: 4000, count: 4).map(\.queued) == [1, nil, 4, 5])
    }
}

/// What sweeps keep in Redis.
@Suite struct HistoryTests {
    @Test func `sweeps of many servers take one sample of a second`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            for second in 0..<10 {
                try await harness.setClock(.seconds(second))
                _ = try await queue.enqueue(job())
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<8 { group.addTask { _ = try await queue.sweep() } }
                    try await group.waitForAll()
                }
            }
            let entries = try await harness.command("XRANGE", harness.key("history_1s"), "-", "+").array ?? []
            let seconds = entries.compactMap(HistorySample.init).map { $0.at / 1000 }
            #expect(seconds.count >= 10 && Set(seconds).count == seconds.count, "\(seconds)")
        }
    }

    @Test func `a ring keeps a bounded number of samples, goes with its queue, and begins anew with it`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            for second in 0..<900 {
                try await harness.setClock(.seconds(second))
                if second % 300 == 0 { _ = try await queue.enqueue(job()) }
                try await harness.command("HINCRBY", harness.key("meta"), "failed", "1")
                _ = try await queue.sweep()
            }
            let length = try #require(try await harness.command("XLEN", harness.key("history_1s")).int)
            #expect((660...800).contains(length))
            try await harness.command("HSET", harness.key("meta"), "failed", "0")
            let history = try #require(try await queue.history(step: .seconds(1)))
            #expect(history.points.count == 60 && history.points.contains { $0.failed ?? 0 > 0 })
            for job in try await harness.claim(3, from: queue) { _ = try await queue.settle([job.completion]) }
            _ = try await queue.delete(finished: true)
            for ring in HistoryRing.allCases {
                #expect(try await harness.command("EXISTS", harness.key(ring.key)).int == 0)
            }
            #expect(try await queue.history() == nil)
            try await queue.create()
            _ = try await queue.sweep()
            #expect(try await queue.history()?.points.allSatisfy { $0.failed == nil } == true)
        }
    }

    @Test func `rings of another Redis type stop no sweep and no history`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            try await harness.command("SET", harness.key("history_1s"), "text")
            _ = try await queue.sweep()
            #expect(try await harness.command("XLEN", harness.key("history_1m")).int == 1)
            #expect(try await queue.history()?.points.allSatisfy { $0.pushed == nil } == true)
            let findings = try await queue.audit().findings
            #expect(findings.contains { $0.subject.contains("history_1s") }, "\(findings)")
            try await harness.command("DEL", harness.key("history_1s"))
        }
    }
}
