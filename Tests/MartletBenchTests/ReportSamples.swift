// Results as a benchmark would have written them, for the tests of its report.

@testable import MartletBench

/// Lines of results.
enum ReportSamples {
    /// Three runs of ours and of two peers, on a machine that says what it is.
    static let text = """
        {"about":{"date":"2026-01-02","machine":"2 cores","software":"Redis 7.0.15","peers":{"sidekiq":"6.4.1"}}}
        \(drain("martlet", 1, 90_000, ratio: 0.5, cpu: 0.8))
        \(drain("martlet", 2, 110_000, ratio: 0.62, cpu: 0.9))
        \(drain("martlet", 3, 100_000, ratio: 0.61, cpu: 1.1))

        \(drain("sidekiq", 1, 5000))
        \(drain("bullmq", 1, 10_000))
        {"figure":"drain","variant":"c100","system":"saq","run":1,"metrics":{},"error":"it <broke> & \\"left\\""}
        """

    /// A line of a drain.
    static func drain(_ system: String, _ run: Int, _ rate: Double, ratio: Double = 0, cpu: Double = 20) -> String {
        line(
            .drain, "c100", system, run,
            [.jobsPerSecond: rate, .ratioToBound: ratio, .workerCPU: cpu, .redisCPU: 0.5, .bound: 180_000])
    }

    /// A line of any figure.
    static func line(
        _ figure: BenchFigure, _ variant: String, _ system: String, _ run: Int, _ metrics: [BenchMetric: Double]
    ) -> String {
        BenchResult(figure, variant, system: system, run: run, metrics: metrics).line
    }

    /// A report of lines.
    static func report(_ lines: String...) throws -> BenchReport {
        try BenchReport([("results", lines.joined(separator: "\n"))])
    }
}
