// Which values of a report are plotted.

/// The plots of a report.
enum BenchPlots {
    /// How many jobs a second go in and come out, beside peers and what Redis allows.
    static func throughput(_ report: BenchReport) -> BarPlot {
        let panels: [(title: String, figure: BenchFigure, variant: String)] = [
            ("Run, 100 at a time", .drain, "c100"), ("Run, 10 at a time", .drain, "c10"),
            ("Push in bulk", .push, "bulk"),
        ]
        return BarPlot(
            title: "Throughput of one worker process, and of one client",
            panels: panels.compactMap { rates(report, $0.title, BenchValue($0.figure, $0.variant, .jobsPerSecond)) })
    }

    private static func rates(_ report: BenchReport, _ title: String, _ value: BenchValue) -> BarPlot.Panel? {
        var bars = systems(report, value).map { system, spread in
            let range = spread.min < spread.max ? spread.min...spread.max : nil
            return bar(system, spread.median, BenchNumber.text(spread.median), range)
        }
        if let bound = report.spread(value.figure, value.variant, .bound, of: BenchSystem.own) {
            bars.insert(bar(BoundFigure.system, bound.median, BenchNumber.text(bound.median)), at: 0)
        }
        return panel(title, "jobs a second", bars)
    }

    /// How long a job waits for its handler: the bar is the median, the line over it reaches to the 99th percentile.
    static func latency(_ report: BenchReport) -> BarPlot {
        let panels: [(title: String, figure: BenchFigure, variant: String)] = [
            ("From a push to its handler, nothing else going on", .latency, "idle"),
            ("How late 10,000 jobs are that are due at once", .scheduled, "at-once"),
        ]
        return BarPlot(
            title: "Latency", panels: panels.compactMap { times(report, $0.title, $0.figure, $0.variant) })
    }

    private static func times(
        _ report: BenchReport, _ title: String, _ figure: BenchFigure, _ variant: String
    ) -> BarPlot.Panel? {
        let bars = systems(report, BenchValue(figure, variant, .p50)).map { system, spread in
            let p99 = report.spread(figure, variant, .p99, of: system)?.median
            let text = BenchNumber.text(spread.median) + " / " + (p99.map { BenchNumber.text($0) } ?? "–")
            return bar(system, spread.median, text, p99.flatMap { $0 > spread.median ? spread.median...$0 : nil })
        }
        return panel(title, "milliseconds: median, and line to the 99th percentile", bars)
    }

    /// Martlet and the peers that have a value, the best first.
    private static func systems(_ report: BenchReport, _ value: BenchValue) -> [(String, BenchSpread)] {
        let found = ([BenchSystem.own] + report.peers).compactMap { system in
            report.spread(value, of: system).map { (system, $0) }
        }
        let isBetterWhenLarger = value.metric.isBetterWhenLarger
        return found.sorted { isBetterWhenLarger ? $0.1.median > $1.1.median : $0.1.median < $1.1.median }
    }

    private static func bar(
        _ system: String, _ value: Double, _ text: String, _ range: ClosedRange<Double>? = nil
    ) -> BarPlot.Bar {
        let kind: BarPlot.Bar.Kind = system == BenchSystem.own ? .own : system == BoundFigure.system ? .bound : .peer
        return BarPlot.Bar(label: BenchNames.system(system), kind: kind, value: value, range: range, text: text)
    }

    /// A panel that has a bar of Martlet.
    private static func panel(_ title: String, _ unit: String, _ bars: [BarPlot.Bar]) -> BarPlot.Panel? {
        bars.contains { $0.kind == .own } ? BarPlot.Panel(title: title, unit: unit, bars: bars) : nil
    }
}
