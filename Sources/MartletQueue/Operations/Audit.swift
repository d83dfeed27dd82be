// The audit: checks that all stored facts agree. Read-only, in bounded pages, while work continues.

import FoundationEssentials
import MartletJobs
import MartletRedis

/// The result of an audit.
///
/// ```swift
/// let report = try await queue.audit()
/// for finding in report.findings { print(finding) }
/// ```
public struct AuditReport: Sendable {
    /// An inconsistency.
    public struct Finding: Sendable, Hashable, CustomStringConvertible {
        /// The subject's kind.
        public enum Kind: String, Sendable, Hashable {
            /// A job, or an index entry that names one.
            case job
            /// A unique key and its holder.
            case uniqueKey = "unique"
            /// The tombstones as a whole.
            case tombstones
            /// The groups of errors as a whole.
            case errorGroups = "error_groups"
            /// A limit key: the weights that count for it, and the jobs that wait for it.
            case limit
            /// A key of another Redis type; nothing else can be checked then.
            case key
        }

        /// The subject's kind.
        public var kind = Kind.job
        /// The job's id, the unique key, or the Redis key.
        public var subject: String
        /// What is wrong.
        public var what: String

        /// The subject and what is wrong with it.
        public var description: String { "\(subject): \(what)" }
    }

    /// The queue.
    public var queue: QueueName
    /// The number of index entries and hashes that were checked.
    public var checked = 0
    /// The inconsistencies; empty in a healthy store.
    public var findings: [Finding] = []
    /// Created minus deleted minus indexed jobs; 0 in a healthy store.
    public var ledgerDifference = 0
    /// How often a script found and repaired a broken entry.
    public var repaired = 0

    /// Whether everything agrees.
    public var isClean: Bool { findings.isEmpty && ledgerDifference == 0 }
}

extension Queue {
    /// Checks the ledger, every index entry, every unique key and every limit key.
    ///
    /// Each page is atomic. Work may continue between pages, so findings are per page, never sums over pages.
    ///
    /// - Parameter hashes: whether to check every job hash against the indexes too; scans Redis' whole key space.
    /// - Returns: the findings.
    /// - Throws: ``QueueError``.
    public func audit(hashes: Bool = true) async throws(QueueError) -> AuditReport {
        var report = AuditReport(queue: name)
        report.findings = await foreignKeys().map { .init(kind: .key, subject: $0.key, what: $0.what) }
        guard report.findings.isEmpty else { return report }
        guard let ledger = try await read(.audit, RedisArguments("ledger")) else { return report }
        let numbers = ledger.dropFirst().compactMap { $0.int?.asLedgerCount }
        guard numbers.count == 8 else { throw .broken("audit", .array(ledger)) }
        report.ledgerDifference = numbers[0] - numbers[1] - numbers[2]
        report.repaired = numbers[3]
        if numbers[4] != numbers[5] {
            report.findings.append(
                .init(kind: .tombstones, subject: "tombstones", what: "ids and digests differ in number"))
        }
        if numbers[6] != numbers[7] {
            report.findings.append(
                .init(kind: .errorGroups, subject: "error_groups", what: "names and descriptions differ in number"))
        }
        for index in JobIndex.allCases { try await page(&report, "index", index.rawValue) }
        try await page(&report, "unique", nil)
        try await auditLimits(&report)
        if hashes { try await auditHashes(&report) }
        return report
    }

    private func page(_ report: inout AuditReport, _ what: String, _ name: String?) async throws(QueueError) {
        var cursor = "0"
        repeat {
            var arguments = RedisArguments(what)
            if let name { arguments.append(name) }
            arguments.append(cursor)
            if name != nil { arguments.append(200) }
            guard let parts = try await read(.audit, arguments) else { return }
            guard parts.count >= 3, let next = parts[1].string, let seen = parts[2].int else {
                throw .broken("audit", .array(parts))
            }
            cursor = next
            report.checked += seen
            report.add(parts.dropFirst(3), kind: what == "unique" ? .uniqueKey : .job)
        } while cursor != "0"
    }

    private func auditLimits(_ report: inout AuditReport) async throws(QueueError) {
        guard let parts = try await read(.audit, RedisArguments("limits")) else { return }
        guard parts.count >= 2, let seen = parts[1].int else { throw .broken("audit", .array(parts)) }
        report.checked += seen
        report.add(parts.dropFirst(2), kind: .limit)
    }

    /// The keys that stand alone, by how they begin: what the audit asks about them, and of which kind a finding is.
    private static let loneKeys: [(name: String, question: String, kind: AuditReport.Finding.Kind)] = [
        (Schema.jobKey, "jobs", .job), (Schema.waitersKey, "waiters", .limit),
    ]

    private func auditHashes(_ report: inout AuditReport) async throws(QueueError) {
        var cursor = "0"
        repeat {
            let scan = RedisArguments("SCAN", cursor, "MATCH", Self.escaped(keys.prefix) + "*", "COUNT", "500")
            let value: RedisValue
            do throws(RedisError) { value = try await store.redis.send(.command(scan)) } catch {
                throw QueueError(error)
            }
            guard let parts = value.array, parts.count == 2, let next = parts[0].string, let found = parts[1].array
            else {
                throw .broken("SCAN", value)
            }
            cursor = next
            let names = found.compactMap(\.string)
            for (name, question, kind) in Self.loneKeys {
                let subjects = names.filter { $0.hasPrefix(keys.prefix + name) }
                guard !subjects.isEmpty else { continue }
                var arguments = RedisArguments(question)
                for key in subjects { arguments.append(String(key.dropFirst(keys.prefix.count + name.count))) }
                guard let answer = try await read(.audit, arguments) else { return }
                report.checked += subjects.count
                report.add(answer.dropFirst(), kind: kind)
            }
        } while cursor != "0"
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { $0 += "*?[]\\".contains($1) ? "\\\($1)" : String($1) }
    }
}

extension AuditReport {
    fileprivate mutating func add(_ parts: ArraySlice<RedisValue>, kind: Finding.Kind) {
        for part in parts {
            let words = part.array ?? []
            findings.append(
                Finding(kind: kind, subject: words.first?.string ?? "?", what: words.last?.string ?? "?"))
        }
    }
}
