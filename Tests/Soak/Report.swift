// The report of a run: figures, faults by class, the rules and their breaches.

import ArgumentParser
import MartletQueue

/// The report of one run.
struct Report {
    var evidence: Evidence
    var judgement: Judgement
    /// The classes of faults that must have happened.
    var classes: [String]
    /// Processes that had to be killed at the end.
    var stubborn: [String]
    /// Whether a volume could be filled.
    var diskFull: Bool
    /// The seconds from the first push to the end of the last job.
    var seconds: Int

    private var counts: [String: Int] { evidence.faults.reduce(into: [:]) { $0[$1.kind, default: 0] += 1 } }

    /// The classes that never happened; with any the run is void.
    private var missing: [String] { classes.filter { counts[$0] == nil } }

    /// 1 when a rule was broken, 3 when the run is void.
    var exitCode: ExitCode? {
        if judgement.failed > 0 || !stubborn.isEmpty { return .failure }
        return missing.isEmpty ? nil : ExitCode(3)
    }

    var text: String {
        var lines = figures.map { name, value in "  \(name.padded(36)) \(value)" }
        lines.append("Faults by class:")
        lines += classes.map { "  \($0.padded(36)) \(counts[$0] ?? 0)" }
        if !diskFull { lines.append("  disk-full: not possible here, no volume of its own can be mounted") }
        lines.append("Rules:")
        for finding in judgement.findings {
            lines.append("  \(finding.breaches.isEmpty ? "kept  " : "BROKEN") \(finding.rule)")
            lines += finding.breaches.prefix(12).map { "         \($0)" }
            if finding.breaches.count > 12 { lines.append("         and \(finding.breaches.count - 12) more") }
        }
        if !stubborn.isEmpty { lines.append("  BROKEN every process ends when told to: \(stubborn)") }
        if !missing.isEmpty { lines.append("The run is void: \(missing.joined(separator: ", ")) never happened") }
        let bad = judgement.failed + (stubborn.isEmpty ? 0 : 1) + (missing.isEmpty ? 0 : 1)
        lines.append("\(judgement.passed) passed, \(bad) failed")
        return lines.joined(separator: "\n")
    }

    private var figures: [(String, String)] {
        let pushes = evidence.pushes
        let states = judgement.states.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        return [
            ("jobs pushed", "\(pushes.attempted.count)"),
            ("jobs acknowledged", "\(pushes.acked.count)"),
            ("pushes with an unknown outcome", "\(pushes.unknown), of which answered later \(pushes.resolved)"),
            ("pushes answered as not executed", "\(pushes.notExecuted), all repeated"),
            (
                "requests of operators",
                "\(evidence.orders.count), of which unanswered \(evidence.orders.count { $0.status == nil })"
            ),
            ("final states", states.joined(separator: ", ")),
            ("failed after three lost workers", "\(judgement.poisoned)"),
            ("handler starts", "\(evidence.attempts.values.reduce(0) { $0 + $1.count })"),
            ("repeated by a fault", "\(judgement.duplicates)"),
            ("lost", "\(judgement.lost.count)"),
            ("acknowledged, unwritten at a kill of Redis", "\(judgement.heldBack.count)"),
            ("unexpected", "\(judgement.unexpected.count)"),
            ("audit differences", "\(evidence.audits.reduce(0) { $0 + $1.findings.count + abs($1.ledgerDifference) })"),
            ("repaired by scripts", "\(evidence.audits.reduce(0) { $0 + $1.repaired })"),
            ("faults", "\(evidence.faults.count) in \(seconds) s"),
        ]
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
