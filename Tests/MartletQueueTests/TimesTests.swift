// How long jobs waited and ran: histograms, how the scripts merge them, and what the history says of them.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct TimeHistogramTests {
    private static func time(_ dice: inout SplitMix) -> Duration {
        // From a microsecond to 11 days, evenly over the orders of magnitude.
        let magnitude = [1, 10, 1000, 100_000, 10_000_000, 1_000_000_000, 1_000_000_000_000][dice.next(7)]
        return .microseconds(1 + dice.next(magnitude))
    }

    @Test func `the time that stands for a bucket is at most five percent away from each time in it`() {
        var dice = SplitMix(1)
        for _ in 0..<20_000 {
            let time = Self.time(&dice)
            let shown = TimeHistogram.time(of: TimeHistogram.bucket(of: time))
            #expect(abs(shown / time - 1) <= 0.05, "\(time) is shown as \(shown)")
        }
        for time in [Duration.zero, .seconds(-5), .nanoseconds(3)] { #expect(TimeHistogram.bucket(of: time) == 0) }
        #expect(TimeHistogram.bucket(of: .seconds(Int64.max)) == TimeHistogram.bucketLimit - 1)
    }

    @Test(arguments: 0..<20)
    func `quantiles are those of all times together, within five percent`(seed: UInt64) throws {
        var dice = SplitMix(seed)
        var (parts, all) = (Array(repeating: TimeHistogram(), count: 5), [Duration]())
        for _ in 0..<(1 + dice.next(2000)) {
            all.append(Self.time(&dice))
            parts[dice.next(5)].record(all[all.count - 1])
        }
        all.sort()
        var whole = TimeHistogram()
        // Over the form that is stored.
        for part in parts { whole.merge(TimeHistogram(stored: part.text)) }
        #expect(whole.count == all.count)
        for share in [0.0, 0.5, 0.9, 0.99, 1] {
            let exact = all[max(1, Int((share * Double(all.count)).rounded(.up))) - 1]
            let shown = try #require(whole.quantile(share))
            #expect(abs(shown / exact - 1) <= 0.05, "\(share): \(exact) is shown as \(shown)")
        }
        #expect(TimeHistogram().quantile(0.5) == nil)
    }

    @Test(arguments: [
        "", "-", "x", "5", "5:", "-1:3", "512:1", "3:x,2", "9:-4", "1:99999999999999999999,1", ":::", "0:,,,",
    ])
    func `what is no histogram has no more than what can be read of it`(text: String) {
        let histogram = TimeHistogram(stored: text)
        #expect(histogram.count <= 2)
        var whole = TimeHistogram(stored: "2:9007199254740992,9223372036854775807")
        whole.merge(whole)
        #expect(whole.count > 0 && whole.quantile(0.99) != nil)
    }
}

@Suite struct TimesTests {
    /// A report of waits of `waits` ms and of runs that are ten times as long, by type.
    private func report(_ waits: [String: [Int]]) -> TimeReport {
        TimeReport(
            waits.mapValues { list in
                let times = TypeTimes()
                for milliseconds in list {
                    times.waited(.milliseconds(milliseconds))
                    times.ran(.milliseconds(10 * milliseconds))
                }
                return times
            })
    }

    /// All times that the history has, in steps of at least `step` seconds.
    private func total(_ queue: Queue, step: Int, type: String? = nil) async throws -> (waits: Int, runs: Int) {
        let history = try #require(try await queue.history(step: .seconds(step), type: type))
        let points = history.points
        return (points.reduce(0) { $0 + ($1.wait?.count ?? 0) }, points.reduce(0) { $0 + ($1.run?.count ?? 0) })
    }

    @Test func `times are in every ring, by type and for all types, whenever workers report them`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            var (mails, bills) = (0, 0)
            for round in 0..<60 {
                try await harness.setClock(.seconds(7 * round))
                try await queue.report(report(["mail": [1 + round, 2, 300], "bill": round % 3 == 0 ? [5] : []]))
                _ = try await queue.heartbeat(worker: "w", times: report(["mail": [4]]), [])
                mails += 4
                bills += round % 3 == 0 ? 1 : 0
            }
            // Until the last slot of the longest ring is over.
            try await harness.setClock(.seconds(7 * 60 + 1200))
            for step in [60, 600] {
                #expect(try await total(queue, step: step) == (mails + bills, mails + bills), "\(step)")
                #expect(try await total(queue, step: step, type: "mail") == (mails, mails))
                #expect(try await total(queue, step: step, type: "bill") == (bills, bills))
                #expect(try await total(queue, step: step, type: "other") == (0, 0))
            }
            // What comes after a slot ends it.
            try await queue.report(report(["mail": [1]]))
            #expect(try await total(queue, step: 600) == (mails + bills, mails + bills))
            let slots = try await harness.command("XLEN", harness.key("times_10s")).int ?? 0
            #expect((40...66).contains(slots), "\(slots)")
        }
    }

    @Test func `steps of ten seconds have the times of their slots, with quantiles`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            try await queue.report(report(["mail": Array(1...100)]))
            try await harness.setClock(.seconds(20))
            let points = try #require(try await queue.history()).points.compactMap { $0.run == nil ? nil : $0 }
            let point = try #require(points.first)
            #expect(points.count == 1 && point.wait?.count == 100 && point.run?.count == 100)
            for (shown, exact) in [
                (point.wait?.median, 50), (point.wait?.p90, 90), (point.wait?.p99, 99), (point.run?.median, 500),
                (point.run?.p90, 900), (point.run?.p99, 990),
            ] { #expect(abs(try #require(shown) / .milliseconds(exact) - 1) <= 0.05) }
            let fine = try #require(try await queue.history(step: .seconds(1))).points
            #expect(fine.allSatisfy { $0.run == nil })
        }
    }

    @Test func `a slot has at most 20 types, and all jobs count in the sum`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            for number in 0..<50 { try await queue.report(report(["type \(number)": [1], "a\tb": [1]])) }
            let fields = try await harness.command("HKEYS", harness.key("times")).array?.compactMap(\.string) ?? []
            #expect(fields.filter { $0.hasPrefix("1 ") }.count <= 21, "\(fields)")
            try await harness.setClock(.seconds(1200))
            #expect(try await total(queue, step: 600).runs == 100)
            #expect(try await total(queue, step: 600, type: "type 0").runs == 1)
            #expect(try await total(queue, step: 600, type: "a\tb").runs == 0)
        }
    }

    @Test func `times go with their queue, create none, and keys of another type stop no heartbeat`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.report(report(["mail": [1]]))
            #expect(try await queue.history() == nil)
            try await queue.create()
            for step in 0..<3 {
                try await harness.setClock(.seconds(600 * step))
                try await queue.report(report(["mail": [1]]))
            }
            let names = ["times"] + TimeRing.allCases.map(\.key)
            for name in names { #expect(try await harness.command("EXISTS", harness.key(name)).int == 1, "\(name)") }
            _ = try await queue.delete(finished: true)
            for name in names { #expect(try await harness.command("EXISTS", harness.key(name)).int == 0, "\(name)") }
            try await queue.create()
            for name in names {
                try await harness.command("SET", harness.key(name), "text")
                for step in 0..<2 {
                    try await harness.setClock(.seconds(600 * step))
                    _ = try await queue.heartbeat(worker: "w", times: report(["mail": [1]]), [])
                }
                _ = try await queue.history(step: .seconds(600))
                try await harness.command("DEL", harness.key(name))
            }
        }
    }

    @Test func `a heartbeat carries times beside jobs, checkpoints and a lease of its own`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job()])
            let jobs = try await harness.claim(2, from: queue)
            for lease in [nil, Duration.seconds(60)] {
                let beats = jobs.map { Heartbeat(id: $0.id, token: $0.token, checkpoint: Array("1".utf8)) }
                let reply = try await queue.heartbeat(
                    worker: "w", info: "{}", lease: lease, times: report(["mail": [1]]), beats)
                #expect(reply.verdicts.count == 2)
                for verdict in reply.verdicts {
                    guard case .held(let left, _) = verdict else {
                        Issue.record("\(verdict)")
                        continue
                    }
                    #expect((left > .seconds(31)) == (lease != nil))
                }
            }
            try await harness.setClock(.seconds(20))
            #expect(try await total(queue, step: 10).runs == 2)
        }
    }
}
