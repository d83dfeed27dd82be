// The metrics of jobs that workers over HTTP run; the names are those of worker processes.

import CoreMetrics
import MartletJobs
import MartletQueue
import Synchronization

/// Counts claims and their ends; each handle is created once.
final class ClaimMetrics: Sendable {
    private struct Key: Hashable {
        var queue: QueueName
        var type: String?
        var outcome: OutcomeLabel?

        var dimensions: [(String, String)] {
            let others = [type.map { ("type", $0) }, outcome.map { ("outcome", "\($0)") }]
            return [("queue", queue.description)] + others.compactMap(\.self)
        }
    }

    /// Types come from callers and are unbounded; the registry folds those beyond its limit.
    private static let limit = 1000

    private struct Handles {
        var counters: [Key: Counter] = [:]
        var waits: [Key: Timer] = [:]
        var runs: [Key: Timer] = [:]
        var lost: [Key: Counter] = [:]
    }

    private let handles = Mutex(Handles())
    private let times: ClaimTimes

    init(times: ClaimTimes) { self.times = times }

    /// Jobs are handed out.
    func claimed(_ jobs: [HeldJob]) {
        for held in jobs {
            guard let waited = held.job.waited else { continue }
            timer(\.waits, "martlet_job_wait_seconds", held.token.queue, held.job.type).record(waited)
            times.waited(waited, type: held.job.type, in: held.token.queue)
        }
    }

    /// An attempt has ended.
    func finished(_ outcome: OutcomeLabel, in queue: QueueName, _ facts: LeaseFacts?) {
        let type = facts?.type ?? "unknown"
        handle(\.counters, Key(queue: queue, type: type, outcome: outcome)) {
            Counter(label: "martlet_jobs_finished_total", dimensions: $0)
        }.increment()
        guard outcome != .fenced, let since = facts?.since else { return }
        let took = ContinuousClock.now - since
        timer(\.runs, "martlet_job_run_seconds", queue, type).record(took)
        times.ran(took, type: type, in: queue)
    }

    /// A worker was told that it does not hold a job any more.
    func leaseLost(in queue: QueueName) {
        handle(\.lost, Key(queue: queue)) { Counter(label: "martlet_leases_lost_total", dimensions: $0) }.increment()
    }

    private func timer(
        _ path: any WritableKeyPath<Handles, [Key: Timer]> & Sendable, _ label: String, _ queue: QueueName,
        _ type: String
    ) -> Timer {
        handle(path, Key(queue: queue, type: type)) { Timer(label: label, dimensions: $0) }
    }

    /// The handle for a key; creates it at its first use.
    private func handle<Handle: Sendable>(
        _ path: any WritableKeyPath<Handles, [Key: Handle]> & Sendable, _ key: Key,
        _ make: (_ dimensions: [(String, String)]) -> Handle
    ) -> Handle {
        handles.withLock { handles in
            if let handle = handles[keyPath: path][key] { return handle }
            let handle = make(key.dimensions)
            if handles[keyPath: path].count < Self.limit { handles[keyPath: path][key] = handle }
            return handle
        }
    }
}

extension Timer {
    fileprivate func record(_ duration: Duration) {
        recordNanoseconds(Int64(clamping: duration.attoseconds / 1_000_000_000))
    }
}
