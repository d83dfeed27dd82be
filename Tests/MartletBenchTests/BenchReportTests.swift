// Results of many runs become medians, goals that are reached or not, and tables.

import MartletCommandSupport
import Testing

@testable import MartletBench

@Suite struct BenchReportTests {
    private let c100 = BenchValue(.drain, "c100", .jobsPerSecond)

    @Test func `runs become their median, smallest and largest`() throws {
        let report = try ReportSamples.report(ReportSamples.text)
        let spread = try #require(report.spread(c100))
        #expect(spread.median == 100_000)
        #expect(spread.min == 90_000)
        #expect(spread.max == 110_000)
        #expect(report.runs == 3)
    }

    @Test func `several files are read as one, and the last machine description is used`() throws {
        let later = #"{"about":{"machine":"64 cores"}}"#
        let report = try BenchReport([("a", ReportSamples.text), ("b", later + "\n" + ReportSamples.drain("rq", 1, 7))])
        #expect(report.about.machine == "64 cores")
        #expect(report.about.date == "2026-01-02")
        #expect(report.peers == ["bullmq", "sidekiq", "rq"], "those that run jobs fastest first, without the failed")
    }

    @Test func `a line that is no result is named`() throws {
        #expect(throws: CommandFailure(.usage, "b, line 2 is no result of \"martlet-bench\"")) {
            try BenchReport([("a", ReportSamples.text), ("b", ReportSamples.drain("rq", 1, 7) + "\nfigure,run\n")])
        }
        #expect(throws: CommandFailure(.usage, "there are no results to report")) { try BenchReport([("a", "\n")]) }
    }

    @Test func `the best peer is that with the most jobs or the fewest seconds`() throws {
        let report = try ReportSamples.report(
            ReportSamples.text, ReportSamples.line(.latency, "idle", "sidekiq", 1, [.p50: 1.5]),
            ReportSamples.line(.latency, "idle", "bullmq", 1, [.p50: 2.5]))
        #expect(report.best(c100)?.peer == "bullmq")
        #expect(report.best(BenchValue(.latency, "idle", .p50))?.peer == "sidekiq")
        #expect(report.best(BenchValue(.memory, "stock", .memory)) == nil)
    }

    @Test func `a program that only downloads is no peer`() throws {
        let report = try ReportSamples.report(
            ReportSamples.drain("rq", 1, 7), ReportSamples.line(.download, "big", "curl", 1, [.bytesPerSecond: 1]))
        #expect(report.peers == ["rq"])
    }

    @Test func `a ratio is taken within each run`() throws {
        func line(_ system: String, _ run: Int, _ rate: Double) -> String { ReportSamples.drain(system, run, rate) }
        let report = try ReportSamples.report(
            line("martlet", 1, 10), line("martlet", 2, 30), line("martlet", 3, 50), line("x", 1, 10), line("x", 2, 10))
        let spread = try #require(report.ratio(c100, to: c100, of: "x"))
        #expect(spread.min == 1)
        #expect(spread.max == 3, "run 3 has nothing to be compared with")
    }

    @Test(
        arguments: [
            (0.61, 0.85, .reached), (0.59, 0.85, .missed), (0.61, nil, .unknown), (0.59, nil, .missed),
            (0.6, 0.9, .reached), (0.61, 0.91, .missed),
        ] as [(Double, Double?, BenchVerdict.State)])
    func `a goal is reached when all that it asks for holds`(
        _ ratio: Double, _ cpu: Double?, _ state: BenchVerdict.State
    )
        throws
    {
        let goal = BenchGoal(
            name: "run", shown: [c100],
            terms: [
                .init(
                    value: BenchValue(.drain, "c100", .ratioToBound), yardstick: .share("the bound"),
                    limit: .atLeast(0.6)),
                .init(value: BenchValue(.drain, "c100", .workerCPU), yardstick: .absolute, limit: .atMost(0.9)),
            ])
        var metrics: [BenchMetric: Double] = [.jobsPerSecond: 1, .ratioToBound: ratio]
        metrics[.workerCPU] = cpu
        let report = try ReportSamples.report(ReportSamples.line(.drain, "c100", "martlet", 1, metrics))
        #expect(BenchVerdict(goal, by: report).state == state)
    }

    @Test func `a goal whose limit comes with the result is judged by it`() throws {
        let goal = try #require(BenchGoal.all.first { $0.name.hasPrefix("10,000 jobs due") })
        func state(_ metrics: [BenchMetric: Double]) throws -> BenchVerdict.State {
            let line = ReportSamples.line(.scheduled, "at-once", "martlet", 1, metrics)
            return BenchVerdict(goal, by: try ReportSamples.report(line)).state
        }
        #expect(try state([.p99: 90, .goal: 100, .early: 0]) == .reached)
        #expect(try state([.p99: 110, .goal: 100, .early: 0]) == .missed)
        #expect(try state([.p99: 90, .goal: 100, .early: 1]) == .missed)
        #expect(try state([.p99: 90, .early: 0]) == .unknown)
    }

    @Test func `every goal has a name of its own and says what it asks for`() {
        let goals = BenchGoal.all
        #expect(Set(goals.map(\.name)).count == goals.count)
        for goal in goals {
            #expect(!goal.shown.isEmpty && !goal.terms.isEmpty)
            #expect(
                goal.terms.allSatisfy { $0.text.contains("≥ ") || $0.text.contains("≤ ") || $0.text == "none early" })
        }
    }

    @Test func `Markdown has the machine, a row for each goal and each system, and the count`() throws {
        let page = BenchPage(report: try ReportSamples.report(ReportSamples.text))
        let lines = page.markdown.split(separator: "\n").map(String.init)
        #expect(
            lines.first == "Measured on 2026-01-02 on 2 cores; Redis 7.0.15; Sidekiq 6.4.1. "
                + "Medians of 3 runs (smallest–largest).")
        let row = try #require(lines.first { $0.hasPrefix("| run, 100 at a time, finished jobs deleted |") })
        #expect(row.contains("| 100,000/s (90,000–110,000) | ≥ 60 % of the bound | 61.0 % |"))
        #expect(row.contains("| BullMQ (Python) 10,000/s | 10.0 × | yes |"))
        #expect(lines.contains { $0.hasPrefix("| Sidekiq (no ack) | 5,000 |") })
        #expect(lines.contains { $0.hasPrefix("| push in bulk | – |") && $0.hasSuffix("| not measured |") })
        #expect(lines.last?.hasPrefix("3 of \(BenchGoal.all.count) goals reached; ") == true)
        // Every row of a table has as many cells as its heading, or renderers drop some.
        let widths = page.markdown.split(separator: "\n\n").filter { $0.hasPrefix("|") }.map { table in
            Set(table.split(separator: "\n").map { $0.count { $0 == "|" } })
        }
        #expect(widths.count == 2 && widths.allSatisfy { $0.count == 1 })
    }

    @Test func `without peers there is no comparison with them`() throws {
        let page = BenchPage(report: try ReportSamples.report(ReportSamples.drain("martlet", 1, 100, ratio: 0.1)))
        #expect(!page.markdown.contains("Beside others"))
        #expect(page.markdown.contains("not reached: run, 100 at a time, finished jobs deleted"))
        #expect(page.text(width: nil).contains("COMPARED"))
    }

    @Test(arguments: [
        (123_456.0, "123,000"), (12_345, "12,300"), (999.6, "1,000"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"),
        (0.1234, "0.123"), (0, "0"), (-0.05, "−0.050"), (9.996, "10.0"), (0.0004, "0"), (2_000_000, "2,000,000"),
        (.infinity, "–"),
    ])
    func `numbers have three significant digits`(_ value: Double, _ text: String) {
        #expect(BenchNumber.text(value) == text)
    }

    @Test func `limits are written without needless zeros`() {
        #expect(BenchNumber.limit(60) == "60")
        #expect(BenchNumber.limit(0.95) == "0.95")
        #expect(BenchMetric.change.limit(-0.05) == "−5 %")
        #expect(BenchMetric.jobsPerSecond.limit(25_000) == "25,000/s")
        #expect(BenchMetric.memory.limit(500) == "500 B")
    }
}
