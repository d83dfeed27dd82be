// The metrics of jobs that workers over HTTP run; the names are those of worker processes.

import CoreMetrics
import MartletJobs
import MartletQueue
import Synchronization

/// Counts claims and their ends; each handle is created once.
final class ClaimMetrics: Sendable {
    private struct Key: Hashable {
        var queue: QueueName
        var type: String
        var outcome = ""
    }

    /// Types come from callers and are unbounded; the registry folds those beyond its limit.
    private static let limit = 1000

    private struct Handles {
        var counters: [Key: Counter] = [:]
        var waits: [Key: Timer] = [:]
        var runs: [Key: Timer] = [:]
        var lost: [QueueName: Counter] = [:]
    }

    private let handles = Mutex(Handles())

    /// Jobs are handed out.
    func claimed(_ jobs: [HeldJob]) {
        for held in jobs {
            guard let waited = held.job.waited else { continue }
            timer(\.waits, "martlet_job_wait_seconds", held.token.queue, held.job.type).record(waited)
        }
    }

    /// An attempt has ended.
    func finished(_ outcome: String, in queue: QueueName, _ facts: LeaseFacts?) {
        let type = facts?.type ?? "unknown"
        let key = Key(queue: queue, type: type, outcome: outcome)
        let counter = handles.withLock { handles in
            if let counter = handles.counters[key] { return counter }
            let counter = Counter(
                label: "martlet_jobs_finished_total",
                dimensions: [("queue", queue.description), ("type", type), ("outcome", outcome)])
            if handles.counters.count < Self.limit { handles.counters[key] = counter }
            return counter
        }
        counter.increment()
        guard outcome != "fenced", let since = facts?.since else { return }
        timer(\.runs, "martlet_job_run_seconds", queue, type).record(.now - since)
    }

    /// A worker was told that it does not hold a job any more.
    func leaseLost(in queue: QueueName) {
        let counter = handles.withLock { handles in
            if let counter = handles.lost[queue] { return counter }
            let counter = Counter(label: "martlet_leases_lost_total", dimensions: [("queue", queue.description)])
            if handles.lost.count < Self.limit { handles.lost[queue] = counter }
            return counter
        }
        counter.increment()
    }

    private func timer(
        _ path: any WritableKeyPath<Handles, [Key: Timer]> & Sendable, _ label: String, _ queue: QueueName,
        _ type: String
    ) -> Timer {
        let key = Key(queue: queue, type: type)
        return handles.withLock { handles in
            if let timer = handles[keyPath: path][key] { return timer }
            let timer = Timer(label: label, dimensions: [("queue", queue.description), ("type", type)])
            if handles[keyPath: path].count < Self.limit { handles[keyPath: path][key] = timer }
            return timer
        }
    }
}

extension Timer {
    fileprivate func record(_ duration: Duration) {
        recordNanoseconds(Int64(clamping: duration.attoseconds / 1_000_000_000))
    }
}
