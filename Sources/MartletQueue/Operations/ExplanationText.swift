// An explanation in words, for people.

import FoundationEssentials
import MartletJobs

extension JobExplanation {
    /// The explanation in English sentences, the most important first.
    public var sentences: [String] {
        var all = [main]
        if !state.isFinal, state != .active { all += ofQueue }
        all += keys.map(\.sentence)
        if isStartable { all.append("The next claim of a worker with a handler for \(type) takes it.") }
        return all
    }

    private var main: String {
        switch state {
        case .queued where ahead == 0: "It stands first in line."
        case .queued: "It stands in line behind \(ahead ?? 0) \((ahead ?? 0) == 1 ? "job" : "jobs")."
        case .blocked where keys.isEmpty:
            "Its key \(waitsFor ?? "") has capacity; one of the next claims brings it into line."
        case .blocked: "It waits for \(waitsFor ?? "a key") and keeps its place in line."
        case .scheduled: "It is scheduled for \(Self.text(dueAt))."
        case .retrying: "It waits for its next attempt at \(Self.text(dueAt))."
        case .paused: "It is paused since \(Self.text(since)); it waits until somebody resumes it."
        case .active:
            "A worker runs it since \(Self.text(since)) and holds it until \(Self.text(leaseUntil)) or longer."
                + (wanted.map { " It was asked to stop (\($0.rawValue))." } ?? "")
        case .completed: "It completed at \(Self.text(since))."
        case .failed: "It failed at \(Self.text(since))." + (error.map { " \($0)" } ?? "")
        case .cancelled: "It was cancelled at \(Self.text(since))."
        }
    }

    private var ofQueue: [String] {
        var all: [String] = []
        if let pausedAll { all.append("All queues are paused\(Self.pause(pausedAll.by, pausedAll.reason)).") }
        if let paused { all.append("The queue \(queue) is paused\(Self.pause(paused.by, paused.reason)).") }
        if reasons.contains(.queueConcurrency), let queueLimit {
            all.append("The queue \(queue) runs \(active) jobs and may run \(queueLimit) at one time.")
        }
        return all
    }

    fileprivate static func pause(_ by: String?, _ reason: String?) -> String {
        (by.map { " by \($0)" } ?? "") + (reason.map { " (\($0))" } ?? "")
    }

    fileprivate static func text(_ date: Date?) -> String { date.map { $0.ISO8601Format() } ?? "an unknown time" }
}

extension KeyObstacle {
    /// Why the key has no capacity, in English.
    public var sentence: String {
        let words = isTooHeavy ? heavy : plain
        guard let holders = limit?.holders, reason == .limitConcurrency, !holders.isEmpty else { return words }
        return words + " Held by \(holders.map(\.job.description).joined(separator: ", "))."
    }

    private var source: String { limit?.source.map { $0 == name ? "its limit" : "the limit \($0)" } ?? "its limit" }

    private var heavy: String {
        "\(name): the job takes \(weight), which is more than \(source) allows at one time; an operator must raise it."
    }

    private var plain: String {
        switch reason {
        case .limitPause:
            let end = pause?.until.map { " until \(JobExplanation.text($0))" } ?? " until somebody resumes it"
            return "\(name): \(source) is paused\(JobExplanation.pause(pause?.by, pause?.reason))\(end)."
        case .limitConcurrency:
            let others = standing > 0 ? " and \(standing) of jobs ahead that are back in line" : ""
            return "\(name): \(source) allows \(limit?.inForce?.concurrency ?? 0) at one time; "
                + "\(limit?.usage ?? 0) in use\(others), and the job takes \(weight)."
        case .limitRate:
            let rate = limit?.inForce?.rate
            let next = opensAt.map { "; the next start is due at \(JobExplanation.text($0))" } ?? ""
            return "\(name): \(source) allows \(rate?.count ?? 0) starts in \(rate?.per ?? .zero)\(next)."
        default:
            let jobs = ahead == 1 ? "1 job that waits" : "\(ahead) jobs that wait"
            return "\(name): \(jobs) for it further ahead" + (firstAhead.map { ", \($0) first." } ?? ".")
        }
    }
}
