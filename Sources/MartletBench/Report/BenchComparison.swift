// What systems are compared by, and how their values stand in the table.

/// A value by which systems are compared.
struct BenchComparison: Sendable {
    var title: String
    var values: [BenchValue]

    /// All of them, in the order of the table.
    static let columns: [BenchComparison] = [
        .init("run, 100 at a time, a second", BenchValue(.drain, "c100", .jobsPerSecond)),
        .init("run, 10 at a time, a second", BenchValue(.drain, "c10", .jobsPerSecond)),
        .init("push in bulk, a second", BenchValue(.push, "bulk", .jobsPerSecond)),
        .init("push one by one, a second", BenchValue(.push, "single", .jobsPerSecond)),
        .init(
            "CPU s for 100,000 jobs: worker / Redis", BenchValue(.drain, "c100", .workerCPU),
            BenchValue(.drain, "c100", .redisCPU)),
        .init("Redis commands a job", BenchValue(.drain, "c100", .commands)),
        .init("from idle, ms: p50 / p99", BenchValue(.latency, "idle", .p50), BenchValue(.latency, "idle", .p99)),
        .init(
            "at half of its own rate, ms: p50 / p99", BenchValue(.half, "half", .p50), BenchValue(.half, "half", .p99)),
        .init(
            "10,000 due at once, ms late: p50 / p99", BenchValue(.scheduled, "at-once", .p50),
            BenchValue(.scheduled, "at-once", .p99)),
        .init("bytes of Redis for a waiting job", BenchValue(.memory, "stock", .memory)),
        .init("ten priorities, %", BenchValue(.priorities, "ten", .change)),
        .init("two processes, %", BenchValue(.workers, "two", .change)),
    ]

    init(_ title: String, _ values: BenchValue...) { (self.title, self.values) = (title, values) }

    /// The values of a system, with their ends when there is one value.
    func text(_ report: BenchReport, _ system: String) -> String {
        let spreads = values.map { report.spread($0, of: system) }
        guard spreads.contains(where: { $0 != nil }) else { return "–" }
        if let value = values.first, values.count == 1, let spread = spreads[0] {
            return Self.plain(value.metric, spread)
        }
        return spreads.map { $0.map { BenchNumber.text($0.median) } ?? "–" }.joined(separator: " / ")
    }

    private static func plain(_ metric: BenchMetric, _ spread: BenchSpread) -> String {
        let scale = metric == .change ? 100.0 : 1
        let middle = BenchNumber.text(spread.median * scale)
        guard spread.min != spread.max, metric == .jobsPerSecond else { return middle }
        return "\(middle) (\(BenchNumber.text(spread.min * scale))–\(BenchNumber.text(spread.max * scale)))"
    }
}
