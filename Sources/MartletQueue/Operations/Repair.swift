// Repair: fixes an audit's findings, one per script, only towards states in which jobs can run again.

import MartletRedis

/// A repair of one finding, done or planned.
///
/// ```swift
/// let plan = try await queue.repair(try await queue.audit(), dryRun: true)
/// for repair in plan { print(repair) }
/// ```
public struct Repair: Sendable, Hashable, CustomStringConvertible {
    /// The job's id, the unique key, or `ledger`.
    public var subject: String
    /// The steps; those that begin with `left` are not done.
    public var steps: [String]
    /// The stored state before.
    public var before: String
    /// The stored state after; `nil` when nothing was changed.
    public var after: String?

    /// All of it in one line.
    public var description: String {
        let change = after.map { "\(before) → \($0)" } ?? before
        return "\(subject): \(steps.joined(separator: "; ")) (\(change))"
    }
}

extension Queue {
    /// Repairs the findings of an audit.
    ///
    /// A job moves only to where it runs again or can be made to: into the queue, back to the worker that may hold it,
    /// to `paused` or `cancelled` if that was requested, or to `failed` when its type or payload is lost. No job is
    /// deleted or completed; nothing is done while a key has another Redis type. Every script checks again before it writes, so work may continue.
    ///
    /// It takes one round trip per job, unique key and limit key in the report, and one for the ledger.
    ///
    /// - Parameters:
    ///   - report: the audit's report.
    ///   - dryRun: whether only to return what would be done; true by default.
    /// - Returns: the repairs.
    /// - Throws: ``QueueError``.
    public func repair(_ report: AuditReport, dryRun: Bool = true) async throws(QueueError) -> [Repair] {
        // No script can work on the queue before somebody has decided what becomes of such a key.
        guard !report.findings.contains(where: { $0.kind == .key }) else { return [] }
        var repairs: [Repair] = []
        var seen: Set<[String]> = []
        let kinds: [AuditReport.Finding.Kind] = [.job, .uniqueKey, .limit]
        for finding in kinds.flatMap({ kind in report.findings.filter { $0.kind == kind } })
        where seen.insert([finding.kind.rawValue, finding.subject]).inserted {
            repairs += try await repair(finding.kind.rawValue, finding.subject, dryRun)
        }
        // Repairs may have balanced the ledger; a dry run reports the current difference.
        return repairs + (try await repair("ledger", "", dryRun))
    }

    private func repair(_ verb: String, _ subject: String, _ dryRun: Bool) async throws(QueueError) -> [Repair] {
        guard let parts = try await read(.repair, RedisArguments(verb, subject, dryRun ? "0" : "1")) else { return [] }
        let words = parts.compactMap(\.string)
        guard words.count >= 3, words.count == parts.count else { throw .broken("repair", .array(parts)) }
        guard words.count > 3 else { return [] }
        return [
            Repair(
                subject: subject.isEmpty ? verb : subject, steps: Array(words[3...]), before: words[1],
                after: words[2].isEmpty ? nil : words[2])
        ]
    }
}
