// A job in responses.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

extension JSONOutput {
    /// A complete job, or without payload, checkpoint and result for lists.
    static func job(_ job: JobRecord, brief: Bool = false) -> JSONOutput {
        var object = JSONObjectOutput(capacity: 512 + (brief ? 0 : job.payload.count))
        object.add("id", text: job.id.description)
        object.add("queue", text: job.queue.description)
        object.add("type", text: job.type)
        object.add("state", text: job.state.rawValue)
        object.add("priority", number: job.priority)
        if !brief { object.add("payload", .opaque(job.payload)) }
        object.add("attempt", number: job.attempt)
        object.add("max_retries", number: job.maxRetries)
        object.add("claims", number: job.claims)
        object.add("failures", number: job.failures)
        object.add("lost", number: job.lost)
        addRest(of: job, brief: brief, to: &object)
        addTimes(of: job, to: &object)
        return .written(object)
    }

    /// The fields that most jobs do not have.
    private static func addRest(of job: JobRecord, brief: Bool, to object: inout JSONObjectOutput) {
        if job.retryPolicy != .standard { object.add("backoff", .backoff(job.retryPolicy)) }
        object.add("timeout_seconds", job.timeout.map(JSONOutput.seconds))
        object.add("unique_key", text: job.uniqueKey)
        if !job.tags.isEmpty { object.add("tags", .array(job.tags.map { .string($0) })) }
        object.add("metadata", job.metadata.map(JSONOutput.opaque))
        object.add("progress", job.progress.map(JSONOutput.progress))
        object.add("stop_requested", text: job.wanted?.rawValue)
        if !brief {
            object.add("checkpoint", job.checkpoint.map(JSONOutput.opaque))
            object.add("output", job.output.map(JSONOutput.opaque))
        }
        object.add("error", text: job.error)
    }

    private static func addTimes(of job: JobRecord, to object: inout JSONObjectOutput) {
        object.add("created_at", text: job.createdAt.rfc3339)
        object.add("due_at", text: job.dueAt?.rfc3339)
        object.add("started_at", text: job.startedAt?.rfc3339)
        object.add("lease_until", text: job.leaseUntil?.rfc3339)
        object.add("finished_at", text: job.finishedAt?.rfc3339)
    }

    private static func backoff(_ policy: RetryPolicy) -> JSONOutput {
        .object([
            "base_seconds": .seconds(policy.base), "factor": .double(policy.factor),
            "cap_seconds": .seconds(policy.cap),
            "jitter": .double(policy.jitter),
        ])
    }

    private static func progress(_ progress: JobProgress) -> JSONOutput {
        .object([
            "completed": .int(Int(progress.completed)), "total": progress.total.map { .int(Int($0)) },
            "rate": progress.rate.map { .double($0) }, "percent": progress.percent.map { .double($0) },
        ])
    }
}

extension JobProgress {
    /// The progress in percent with two decimals, 100 only with all of it; `nil` while the total is unknown.
    var percent: Double? {
        guard let total, total > 0 else { return nil }
        let percent = (min(max(Double(completed) / Double(total), 0), 1) * 10_000).rounded() / 100
        return completed < total ? min(percent, 99.99) : percent
    }
}
