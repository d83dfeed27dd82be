// The rules of a run: every pushed job is there once, no other is, and every repetition has a reason.

import FoundationEssentials
import MartletJobs
import MartletQueue

/// One rule and its breaches.
struct Finding: Sendable {
    var rule: String
    var breaches: [String]
}

/// The rules of a run, checked.
struct Judgement: Sendable {
    private(set) var findings: [Finding] = []
    /// The number of handler runs that started although an earlier one of the same job had not been released.
    private(set) var duplicates = 0
    private let evidence: Evidence

    init(_ evidence: Evidence) {
        self.evidence = evidence
        check("every acknowledged job is there", lost)
        check("every acknowledged job has ended", unended)
        check("every job was pushed by somebody, once", unexpected)
        check("every push was answered in the end", evidence.pushes.unanswered)
        check("no server gave a wrong answer", evidence.pushes.wrong)
        check("every completion was accepted once", completions)
        check("every token started one handler", tokens)
        check("every repetition has its reason", repetitions())
        check("no more failures were counted than handlers failed", failures)
        check("nothing started after its cancel was answered", cancelled)
        check("the audit finds nothing", evidence.audits.flatMap { $0.findings.map(\.description) })
        check("the ledger agrees", evidence.audits.filter { $0.ledgerDifference != 0 }.map { "\($0.queue)" })
    }

    var passed: Int { findings.count { $0.breaches.isEmpty } }
    var failed: Int { findings.count - passed }

    private mutating func check(_ rule: String, _ breaches: [String]) {
        findings.append(Finding(rule: rule, breaches: breaches))
    }
}

// MARK: - Jobs

extension Judgement {
    /// Acknowledged jobs that are missing although Redis had written them.
    var lost: [String] { missing.filter { !isHeldBack($0) } }

    /// Acknowledged jobs that Redis had not yet written when it was killed.
    var heldBack: [String] { missing.filter(isHeldBack) }

    private var missing: [String] { evidence.pushes.acked.keys.filter { evidence.jobs[$0] == nil } }

    /// Whether a killed Redis may not have written the push yet.
    ///
    /// With a sync each second Redis answers before it writes while a sync is in progress, for two seconds at most. These
    /// pushes are lost when it is killed. On an overloaded machine a sync takes long.
    private func isHeldBack(_ id: String) -> Bool {
        guard let at = evidence.pushes.acked[id]?.at else { return false }
        return evidence.faults.contains { $0.kind == "kill-redis" && at >= $0.from - 2500 && at <= $0.to }
    }

    private var unended: [String] {
        let open = evidence.jobs.values.filter { !$0.state.isFinal }.map { "\($0.id) is \($0.state)" }
        return open.isEmpty && !evidence.isDrained ? ["time was over before all had ended"] : open
    }

    var unexpected: [String] {
        var seen: [Int: String] = [:]
        var breaches: [String] = []
        for (id, job) in evidence.jobs {
            guard let payload = try? JSONDecoder().decode(SoakJob.self, from: Data(job.payload)),
                evidence.pushes.attempted.contains(payload.n)
            else {
                breaches.append("\(id) was never pushed")
                continue
            }
            if let other = seen.updateValue(id, forKey: payload.n) {
                breaches.append("\(id) and \(other) are one push")
            }
            if let acked = evidence.pushes.acked[id], acked.n != payload.n {
                breaches.append("\(id) was acknowledged as push \(acked.n) and is \(payload.n)")
            }
        }
        return breaches
    }

    /// Differences between counted completions and completed jobs.
    ///
    /// The store counts every accepted completion. Each completed job was completed by the claim that it shows, whose handler
    /// returned.
    private var completions: [String] {
        let completed = evidence.jobs.values.filter { $0.state == .completed }
        var breaches: [String] = []
        if completed.count != evidence.completedEver {
            breaches.append("\(completed.count) jobs are completed, \(evidence.completedEver) completions were counted")
        }
        for job in completed {
            let last = evidence.attempts["\(job.id)"]?.last { $0.claims == job.claims }
            if last?.how != "returned" {
                breaches.append("\(job.id) was completed by claim \(job.claims), which \(last?.how ?? "never started")")
            }
        }
        return breaches
    }

    private var failures: [String] {
        evidence.jobs.values.compactMap { job in
            let threw = evidence.attempts["\(job.id)"]?.count { $0.how == "threw" } ?? 0
            return job.failures > threw ? "\(job.id): \(job.failures) failures, \(threw) handlers threw" : nil
        }
    }

    /// The number of jobs in each final state.
    var states: [String: Int] { evidence.jobs.values.reduce(into: [:]) { $0[$1.state.rawValue, default: 0] += 1 } }

    /// The number of jobs that failed because too many workers were lost in a row.
    var poisoned: Int { evidence.jobs.values.count { $0.state == .failed && $0.lost > 2 } }
}

// MARK: - Attempts

extension Judgement {
    private var tokens: [String] {
        evidence.attempts.flatMap { id, attempts in
            Dictionary(grouping: attempts, by: \.token).filter { $1.count > 1 }.map { "\(id) with \($0.key)" }
        }
    }

    /// A repeated run needs an earlier end that explains it, or a fault of the earlier worker or of Redis.
    private mutating func repetitions() -> [String] {
        var breaches: [String] = []
        for (id, attempts) in evidence.attempts {
            for (earlier, later) in zip(attempts, attempts.dropFirst()) where !isNatural(earlier, before: later) {
                duplicates += 1
                guard !hasFault(earlier, later) else { continue }
                breaches.append(
                    "\(id): \(earlier.token) on \(earlier.worker) at \(earlier.start) \(earlier.how ?? "never ended"), "
                        + "\(later.token) on \(later.worker) at \(later.start)")
            }
        }
        return breaches
    }

    /// Whether a later run follows the earlier one by design.
    private func isNatural(_ earlier: Attempt, before later: Attempt) -> Bool {
        if let end = earlier.end, end <= later.start, let how = earlier.how {
            if ["threw", "snoozed", "stopped:pause", "stopped:shutdown"].contains(how) { return true }
        }
        return evidence.orders.contains { order in
            order.id == earlier.id && order.verb == "retry" && order.from <= later.start && order.to >= earlier.start
        }
    }

    private func hasFault(_ earlier: Attempt, _ later: Attempt) -> Bool {
        // An older claim starts after a newer one only if its own worker was delayed in between.
        let worker = later.claims < earlier.claims ? later.worker : earlier.worker
        return evidence.faults.contains { fault in
            (fault.subject == "redis" || fault.subject == worker || isBetween(fault.subject, worker))
                && fault.from <= later.start && fault.to >= earlier.start - 2 * Installation.lease
        }
    }

    /// Whether a fault of a server hit a worker that reaches Redis through servers alone.
    private func isBetween(_ subject: String, _ worker: String) -> Bool {
        worker.hasPrefix("http-") && subject.hasPrefix("server-")
    }

    /// A cancel that was answered with `cancelled` ends a job at once, unless it is retried.
    private var cancelled: [String] {
        evidence.orders.compactMap { order in
            guard order.verb == "cancel", order.status == 200, order.job?.state == "cancelled" else { return nil }
            let isRetried = evidence.orders.contains { $0.id == order.id && $0.verb == "retry" && $0.to >= order.from }
            guard !isRetried, let later = evidence.attempts[order.id]?.first(where: { $0.start > order.to }) else {
                return nil
            }
            return "\(order.id) was cancelled at \(order.to) and started at \(later.start) with \(later.token)"
        }
    }
}
