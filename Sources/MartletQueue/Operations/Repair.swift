// Repair: what an audit found is mended, one thing in one script, only towards a state in which jobs run again.

import MartletRedis

/// What was done about something that an audit found, or would be.
public struct Repair: Sendable, Hashable, CustomStringConvertible {
    /// The job, the unique key, or `ledger`.
    public var subject: String
    /// What is done, in words; what begins with `left` is not.
    public var steps: [String]
    /// What the store held before.
    public var before: String
    /// What it holds now; `nil` when nothing was changed.
    public var after: String?

    /// Everything in one line.
    public var description: String {
        let change = after.map { "\(before) → \($0)" } ?? before
        return "\(subject): \(steps.joined(separator: "; ")) (\(change))"
    }
}

extension Queue {
    /// Mends what an audit found; with `dryRun` nothing is written, and the answer says what would be.
    ///
    /// A job only ever moves to where it runs again or can be made to: into line, back to the worker that may hold it, to
    /// `paused` or `cancelled` where that was asked for, or to `failed` when its type or payload is lost. No job is deleted
    /// and none becomes completed. Every script looks again before it writes, so work may go on meanwhile.
    ///
    /// One round trip for each job and unique key that the audit names, and one for the ledger.
    public func repair(_ report: AuditReport, dryRun: Bool = true) async throws(QueueError) -> [Repair] {
        var repairs: [Repair] = []
        var seen: Set<[String]> = []
        let named = report.findings.filter { $0.kind != .tombstones }
        for finding in named.filter({ $0.kind == .job }) + named.filter({ $0.kind == .uniqueKey })
        where seen.insert([finding.kind.rawValue, finding.subject]).inserted {
            repairs += try await repair(finding.kind.rawValue, finding.subject, dryRun)
        }
        // What was mended may have closed the ledger; a dry run says what it would be closed by as it stands.
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
