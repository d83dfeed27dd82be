// A job as it is shown.

import MartletJobs
import MartletQueue

extension JSON {
    /// A job in full, or without its payload, checkpoint and result as lists show it.
    static func job(_ job: JobRecord, brief: Bool = false) -> JSON {
        let facts = JSON.object([
            "id": .string(job.id.description), "queue": .string(job.queue.description), "type": .string(job.type),
            "state": .string(job.state.rawValue), "priority": .int(job.priority),
            "payload": brief ? nil : .opaque(job.payload),
            "attempt": .int(job.attempt), "max_retries": .int(job.maxRetries), "claims": .int(job.claims),
            "failures": .int(job.failures), "lost": .int(job.lost),
            "backoff": job.retryPolicy == .standard ? nil : .backoff(job.retryPolicy),
            "timeout_seconds": job.timeout.map(JSON.seconds),
            "unique_key": job.uniqueKey.map { .string($0) },
            "tags": job.tags.isEmpty ? nil : .array(job.tags.map { .string($0) }),
            "metadata": job.metadata.map(JSON.opaque),
            "progress": job.progress.map(JSON.progress),
            "stop_requested": job.wanted.map { .string($0.rawValue) },
            "checkpoint": brief ? nil : job.checkpoint.map(JSON.opaque),
            "output": brief ? nil : job.output.map(JSON.opaque),
            "error": job.error.map { .string($0) },
        ])
        return facts.adding(times(of: job))
    }

    private static func times(of job: JobRecord) -> [(key: String, value: JSON)] {
        let times = [
            ("created_at", job.createdAt), ("due_at", job.dueAt), ("started_at", job.startedAt),
            ("lease_until", job.leaseUntil), ("finished_at", job.finishedAt),
        ]
        return times.compactMap { name, date in date.map { (name, .time($0)) } }
    }

    private static func backoff(_ policy: RetryPolicy) -> JSON {
        .object([
            "base_seconds": .seconds(policy.base), "factor": .double(policy.factor),
            "cap_seconds": .seconds(policy.cap),
            "jitter": .double(policy.jitter),
        ])
    }

    private static func progress(_ progress: JobProgress) -> JSON {
        .object([
            "completed": .int(Int(progress.completed)), "total": progress.total.map { .int(Int($0)) },
            "rate": progress.rate.map { .double($0) }, "percent": progress.percent.map { .double($0) },
        ])
    }
}

extension JobProgress {
    /// How much is done, in per cent with two places; `nil` while the total is unknown.
    var percent: Double? {
        guard let total, total > 0 else { return nil }
        return (min(max(Double(completed) / Double(total), 0), 1) * 10_000).rounded() / 100
    }
}
