// What an upgrade left: whether both versions worked, also on jobs of the other one, and kept what they do not know.

import FoundationEssentials
import MartletQueue
import MartletRedis

/// What the two versions left in Redis, in journals and in logs.
struct UpgradeTraces: Sendable {
    /// The value of the setting that only the later version knows.
    static let setting = 7

    /// The completed runs of handlers by the version of the worker, then by the version that had pushed the job.
    var completed: [Version: [Version: Int]] = [:]
    /// Jobs of the later version without its field, and jobs of this version with it.
    var wrongFields: [String] = []
    /// The plan of each queue.
    var plans: [String] = []
    /// The libraries that the server has.
    var libraries: [String] = []
    /// Warnings and errors in the logs of workers, except those about handlers that throw.
    var complaints: [String] = []

    init(of evidence: Evidence, _ workers: [String], _ upgrade: Upgrade) async throws {
        count(evidence)
        for (id, push) in evidence.pushes.acked {
            let isLater = UpgradePusher.version(ofPush: push.n) == .later
            let field = try await upgrade.admin.send(.command("HGET", "martlet:{\(push.queue)}:job:\(id)", "later"))
            if field.int != (isLater ? Self.setting : nil) { wrongFields.append("\(id): \(field)") }
        }
        for name in Installation.queues {
            let plan = try await upgrade.admin.send(.command("HGET", "martlet:{\(name)}:meta", "plan"))
            plans.append(plan.string ?? "")
        }
        let list = try await upgrade.admin.send(.command("FUNCTION", "LIST"))
        libraries = list.array?.compactMap { $0.array?.dropFirst().first?.string } ?? []
        for worker in workers {
            let log = (try? String(contentsOfFile: "\(upgrade.directory)/\(worker).log", encoding: .utf8)) ?? ""
            complaints += log.split(separator: "\n")
                .filter { $0.contains(" warning ") || $0.contains(" error ") }
                .filter { !$0.hasSuffix("attempt finished") }
                .map { "\(worker): \($0)" }
        }
    }

    private mutating func count(_ evidence: Evidence) {
        for attempt in evidence.attempts.values.joined() where attempt.how == "returned" {
            guard let version = Version(rawValue: String(attempt.worker.prefix { $0 != "-" })),
                let push = evidence.pushes.acked[attempt.id]
            else { continue }
            completed[version, default: [:]][UpgradePusher.version(ofPush: push.n), default: 0] += 1
        }
    }
}

/// The report of an upgrade.
struct UpgradeReport: Sendable {
    var judgement: Judgement
    var evidence: Evidence
    /// Processes that did not end when told to.
    var stubborn: [String]
    var traces: UpgradeTraces

    private var findings: [Finding] {
        let idle = Version.allCases.flatMap { version in
            Version.allCases.filter { traces.completed[version]?[$0] == nil }.map { "\(version) ran no job of \($0)" }
        }
        let libraries = Set(Version.allCases.map(\.scripts.library.name))
        let missing =
            libraries.count < Version.allCases.count
            ? ["both are \(libraries)"] : libraries.filter { !traces.libraries.contains($0) }
        return judgement.findings + [
            Finding(rule: "each version completes jobs of both", breaches: idle),
            Finding(rule: "each version has its own library", breaches: missing),
            Finding(rule: "a field of the later version is on its jobs and on no others", breaches: traces.wrongFields),
            Finding(
                rule: "a setting of the later version is kept",
                breaches: traces.plans.filter { !$0.split(separator: " ").contains("later=\(UpgradeTraces.setting)") }),
            Finding(rule: "no worker complains", breaches: traces.complaints),
            Finding(rule: "every process ends when told to", breaches: stubborn),
        ]
    }

    /// The broken rules with what broke them.
    var breaches: [String] { findings.flatMap { finding in finding.breaches.map { "\(finding.rule): \($0)" } } }
    var failed: Int { findings.count { !$0.breaches.isEmpty } }

    var text: String {
        let handlers = Version.allCases.map { version in
            let counts = Version.allCases.map { "\(traces.completed[version]?[$0] ?? 0) of \($0)" }
            return "  completed by workers of \(version): \(counts.joined(separator: ", "))"
        }
        let rules = findings.flatMap { finding in
            ["  \(finding.breaches.isEmpty ? "kept  " : "BROKEN") \(finding.rule)"]
                + finding.breaches.prefix(12).map { "         \($0)" }
        }
        let pushes = evidence.pushes
        return
            (["  \(pushes.attempted.count) jobs pushed, \(pushes.acked.count) acknowledged"] + handlers + rules
            + ["\(findings.count - failed) passed, \(failed) failed"]).joined(separator: "\n")
    }
}
