// Counts the jobs pushed through this server, by queue and type.

import CoreMetrics
import MartletJobs
import MartletQueue
import Synchronization

/// Counts accepted jobs; each counter is created once.
final class PushMetrics: Sendable {
    private struct Key: Hashable {
        var queue: QueueName
        var type: String
    }

    /// Types come from callers and are unbounded; the registry folds those beyond its limit.
    private static let limit = 1000
    private let counters = Mutex<[Key: Counter]>([:])

    /// Counts a job if it is new.
    func count(_ job: NewJob, _ verdict: EnqueueVerdict, in queue: QueueName) {
        guard case .created = verdict else { return }
        counter(Key(queue: queue, type: job.type)).increment()
    }

    /// Counts the new jobs.
    func count(_ jobs: [NewJob], _ verdicts: [EnqueueVerdict], in queue: QueueName) {
        var created: [String: Int] = [:]
        for (job, verdict) in zip(jobs, verdicts) {
            if case .created = verdict { created[job.type, default: 0] += 1 }
        }
        for (type, count) in created { counter(Key(queue: queue, type: type)).increment(by: count) }
    }

    func count(_ jobs: [NewJob], _ results: [Result<EnqueueVerdict, QueueError>], in queue: QueueName) {
        let answered = zip(jobs, results).compactMap { job, result in (try? result.get()).map { (job, $0) } }
        count(answered.map(\.0), answered.map(\.1), in: queue)
    }

    private func counter(_ key: Key) -> Counter {
        counters.withLock { counters in
            if let counter = counters[key] { return counter }
            let counter = Counter(
                label: "martlet_jobs_enqueued_total",
                dimensions: [("queue", key.queue.description), ("type", key.type)])
            if counters.count < Self.limit { counters[key] = counter }
            return counter
        }
    }
}
