// The worker's metrics; every handle is created once.

import CoreMetrics
import FoundationEssentials
import MartletQueue

/// The metrics of one type of job in one queue.
final class JobMetrics: Sendable {
    /// The counters, indexed by the raw value of the label.
    private let outcomes: [Counter]
    private let run: CoreMetrics.Timer
    private let wait: CoreMetrics.Timer
    /// The same for the history of the queue; heartbeats send it.
    let times = TypeTimes()

    init(queue: QueueName, type: String) {
        let labels = [("queue", queue.description), ("type", type)]
        run = CoreMetrics.Timer(label: "martlet_job_run_seconds", dimensions: labels)
        wait = CoreMetrics.Timer(label: "martlet_job_wait_seconds", dimensions: labels)
        outcomes = OutcomeLabel.allCases.map { word in
            Counter(label: "martlet_jobs_finished_total", dimensions: labels + [("outcome", "\(word)")])
        }
    }

    func finished(_ word: OutcomeLabel) { outcomes[word.rawValue].increment() }

    func ran(for duration: Duration) {
        run.recordNanoseconds(Int64(clamping: duration.inNanoseconds))
        times.ran(duration)
    }

    func waited(_ duration: Duration) {
        wait.recordNanoseconds(Int64(clamping: duration.inNanoseconds))
        times.waited(duration)
    }
}

/// The metrics of one queue.
struct QueueMetrics: Sendable {
    let queue: QueueName
    private let types: [String: JobMetrics]
    private let unknown: JobMetrics
    private let lost: Counter

    init(queue: QueueName, types: some Collection<String>) {
        self.queue = queue
        self.types = Dictionary(uniqueKeysWithValues: types.map { ($0, JobMetrics(queue: queue, type: $0)) })
        // Unknown types come from producers and are unbounded, so they share one label.
        unknown = JobMetrics(queue: queue, type: "unknown")
        lost = Counter(label: "martlet_leases_lost_total", dimensions: [("queue", queue.description)])
    }

    /// Takes the times that were not sent yet.
    ///
    /// Jobs of unknown types do not run here and are not among them.
    func takeTimes() -> TimeReport { TimeReport(types.mapValues(\.times)) }

    subscript(type: String) -> JobMetrics { types[type] ?? unknown }

    func leasesLost(_ count: Int) { lost.increment(by: count) }
}

/// The slot gauges of a process, over all its queues.
struct SlotMetrics: Sendable {
    private let busy = Gauge(label: "martlet_worker_slots", dimensions: [("state", "busy")])
    private let free = Gauge(label: "martlet_worker_slots", dimensions: [("state", "free")])
    private let leaked = Gauge(label: "martlet_worker_slots", dimensions: [("state", "leaked")])

    func record(slots: Int, busy: Int, leaked: Int) {
        self.busy.record(busy - leaked)
        self.free.record(max(0, slots - busy))
        self.leaked.record(leaked)
    }
}

extension Duration {
    fileprivate var inNanoseconds: Int128 { attoseconds / 1_000_000_000 }
}
