// The whole report: where it was measured, the goals, and Martlet beside the peers.

/// The whole report.
struct BenchPage: Sendable {
    let report: BenchReport
    private let verdicts: [BenchVerdict]

    init(report: BenchReport, goals: [BenchGoal] = BenchGoal.all) {
        self.report = report
        verdicts = goals.map { BenchVerdict($0, by: report) }
    }

    /// As Markdown, for a page of documentation.
    var markdown: String {
        var parts = [conditions + "\n"]
        for table in tables { parts += ["**\(table.title)**\n", table.markdown] }
        parts.append(summary + "\n")
        return parts.joined(separator: "\n")
    }

    /// For a terminal.
    func text(width: Int?) -> String {
        let tables = tables.map { "\($0.title)\n\n\($0.text(width: width))" }
        return ([conditions + "\n"] + tables + [summary + "\n"]).joined(separator: "\n")
    }

    private var tables: [BenchReportTable] { [goals, comparison].compactMap { $0.rows.isEmpty ? nil : $0 } }

    /// When, on what and how often.
    private var conditions: String {
        let about = report.about
        let place = [about.date.map { "Measured on \($0)" } ?? "Measured", about.machine.map { "on \($0)" }]
            .compactMap(\.self).joined(separator: " ")
        let peers = report.peers.compactMap { name in
            about.peers?[name].map { "\(BenchNames.system(name).replacing(" (no ack)", with: "")) \($0)" }
        }
        let software = [about.software, peers.isEmpty ? nil : peers.joined(separator: ", ")].compactMap(\.self)
        let runs = report.runs == 1 ? "One run." : "Medians of \(report.runs) runs (smallest–largest)."
        return ([place] + software).joined(separator: "; ") + ". " + runs
    }

    private var summary: String {
        let reached = verdicts.count { $0.state == .reached }
        let missed = verdicts.filter { $0.state == .missed }.map(\.goal.name)
        let open = verdicts.count { $0.state == .unknown }
        var text = "\(reached) of \(verdicts.count) goals reached"
        if !missed.isEmpty { text += "; not reached: " + missed.joined(separator: "; ") }
        if open > 0 { text += "; \(open) not measured" }
        return text + "."
    }

    /// What was to be reached.
    private var goals: BenchReportTable {
        BenchReportTable(
            title: "Goals",
            columns: [
                .init(title: "figure"), .init(title: "Martlet", isNumber: true), .init(title: "goal"),
                .init(title: "compared", isNumber: true), .init(title: "best peer here"),
                .init(title: "better than it", isNumber: true), .init(title: "reached"),
            ],
            rows: verdicts.map(row))
    }

    private func row(_ verdict: BenchVerdict) -> [String] {
        let goal = verdict.goal
        // Half of the rate is a different load for each system.
        let best = goal.shown.first.flatMap { $0.figure == .half ? nil : report.best($0) }
        return [
            goal.name, Self.values(verdict), goal.terms.map(\.text).joined(separator: ", "), Self.ratios(verdict),
            best.map { peer(goal, $0.peer) } ?? "–", times(verdict, best?.median) ?? "–", verdict.state.rawValue,
        ]
    }

    /// Martlet's values: one with its ends, or several.
    private static func values(_ verdict: BenchVerdict) -> String {
        let pairs = zip(verdict.goal.shown, verdict.values)
        let texts = pairs.map { value, spread in
            spread.map { verdict.values.count == 1 ? value.metric.text($0) : value.metric.text($0.median) } ?? "–"
        }
        return texts.joined(separator: " / ")
    }

    private static func ratios(_ verdict: BenchVerdict) -> String {
        var ratios = verdict.ratios[...]
        let texts = verdict.goal.terms.compactMap { term -> String? in
            switch term.yardstick {
            case .share: ratios.popFirst().flatMap(\.self).map { BenchNumber.text($0.median * 100) + " %" }
            case .ratio, .multiple: ratios.popFirst().flatMap(\.self).map { BenchNumber.text($0.median) + " ×" }
            case .absolute, .own: nil
            }
        }
        return texts.isEmpty ? "–" : texts.joined(separator: ", ")
    }

    private func peer(_ goal: BenchGoal, _ peer: String) -> String {
        let texts = goal.shown.map { value in report.spread(value, of: peer).map { value.metric.text($0.median) } ?? "–"
        }
        return "\(BenchNames.system(peer)) \(texts.joined(separator: " / "))"
    }

    /// How many times better than a peer; empty for values that are not multiples.
    private func times(_ verdict: BenchVerdict, _ peer: Double?) -> String? {
        guard let metric = verdict.goal.shown.first?.metric, metric != .change, let peer, peer > 0,
            let own = verdict.values.first.flatMap({ $0?.median }), own > 0
        else { return nil }
        return BenchNumber.text(metric.isBetterWhenLarger ? own / peer : peer / own) + " ×"
    }

    /// Martlet beside the peers.
    private var comparison: BenchReportTable {
        let columns = BenchComparison.columns.filter { column in
            column.values.contains { report.spread($0) != nil }
        }
        let systems = [BenchSystem.own] + report.peers
        let rows = systems.map { system in
            [BenchNames.system(system)] + columns.map { $0.text(report, system) }
        }
        return BenchReportTable(
            title: "Beside others",
            columns: [.init(title: "system")] + columns.map { .init(title: $0.title, isNumber: true) },
            rows: report.peers.isEmpty || columns.isEmpty ? [] : rows)
    }
}
