// Figures as a table: a line for each, with the median, minimum and maximum of the runs and the cost.

import MartletCommandSupport

/// The table of a benchmark.
enum BenchTable {
    private static let costs: [(title: String, metric: BenchMetric)] = [
        ("WORKER s/100k", .workerCPU), ("PUSHER s/100k", .pusherCPU), ("REDIS s/100k", .redisCPU),
        ("CMD/JOB", .commands), ("IN B/JOB", .bytesIn), ("OUT B/JOB", .bytesOut),
    ]

    /// The lines of the table.
    static func lines(_ summaries: [BenchSummary], width: Int?) -> [String] {
        var table = TextTable(
            columns: [
                .init(title: "FIGURE"), .init(title: "VARIANT"), .init(title: "SYSTEM"), .init(title: "VALUE"),
                .init(title: "MEDIAN", isNumber: true), .init(title: "MIN-MAX", isNumber: true),
                .init(title: "RATIO", isNumber: true),
            ] + costs.map { .init(title: $0.title, isNumber: true) })
        for summary in summaries { table.rows += rows(summary) }
        let errors = summaries.flatMap { summary in
            Set(summary.errors).sorted().map { "\(summary.figure) \(summary.variant) \(summary.system): \($0)" }
        }
        return table.lines(width: width) + (errors.isEmpty ? [] : [""] + errors)
    }

    private static func rows(_ summary: BenchSummary) -> [[String]] {
        let place = [summary.figure, summary.variant, summary.system]
        guard let figure = BenchFigure(rawValue: summary.figure), !summary.metrics.isEmpty else {
            return [place + ["none, see below"] + Array(repeating: "", count: 3 + costs.count)]
        }
        var metrics = [figure.headline].filter { summary[$0] != nil }
        if metrics.isEmpty { metrics = [.jobsPerSecond, .p99].filter { summary[$0] != nil } }
        if summary[.p50] != nil, metrics.first == .p99 { metrics.insert(.p50, at: 0) }
        return metrics.enumerated().map { index, metric in
            let spread = summary[metric]
            let range = spread.map { number($0.min) + "–" + number($0.max) } ?? ""
            let cells = [metric.rawValue, spread.map { number($0.median) } ?? "", range]
            let isLast = index == metrics.count - 1
            return place + cells + [isLast ? summary[.ratioToBound].map { number($0.median) } ?? "" : ""]
                + costs.map { isLast ? summary[$0.metric].map { number($0.median) } ?? "" : "" }
        }
    }

    /// One result while others are still to come.
    static func progress(_ result: BenchResult) -> String {
        let place = "run \(result.run)  \(result.figure) \(result.variant) \(result.system): "
        if let error = result.error { return place + "failed: " + error }
        let names: [BenchMetric] = [
            .jobsPerSecond, .requestsPerSecond, .p50, .p99, .memory, .milliseconds, .redisTime, .ratioToBound,
        ]
        return place
            + names.compactMap { name in result[name].map { "\(name.rawValue) \(number($0))" } }
            .joined(separator: ", ")
    }

    /// Formats a number with three digits: 123456, 1234, 12.3, 0.123.
    static func number(_ value: Double) -> String {
        let size = value.magnitude
        if size >= 100 { return String(Int(value.rounded())) }
        let digits = size >= 10 ? 1 : size >= 1 ? 2 : 3
        let scale = digits == 1 ? 10.0 : digits == 2 ? 100 : 1000
        let whole = Int((size * scale).rounded())
        let fraction = String(whole % Int(scale))
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return (value < 0 ? "-" : "") + "\(whole / Int(scale)).\(zeros)\(fraction)"
    }
}
