// A claimed job in responses.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

extension JSONOutput {
    /// A claim: its token, how long it holds, and the job.
    static func claim(_ held: HeldJob) -> JSONOutput {
        var object = JSONObjectOutput(capacity: 512 + held.job.payload.count)
        let left = max(.zero, held.lease - (.now - held.since))
        object.add("token", text: held.token.description)
        object.add("expires_at", text: (Date() + left.inSeconds).rfc3339)
        object.add("lease_seconds", .seconds(held.lease))
        object.add("job", .claimedJob(held.job, in: held.token.queue))
        return .written(object)
    }

    /// The members have the names of those of a job that is read.
    private static func claimedJob(_ job: ClaimedJob, in queue: QueueName) -> JSONOutput {
        var object = JSONObjectOutput(capacity: 384 + job.payload.count)
        object.add("id", text: job.id.description)
        object.add("queue", text: queue.description)
        object.add("type", text: job.type)
        object.add("priority", number: job.priority)
        object.add("payload", .opaque(job.payload))
        object.add("attempt", number: job.failures + 1)
        object.add("max_retries", number: job.maxRetries)
        object.add("claims", number: job.claims)
        object.add("failures", number: job.failures)
        object.add("lost", number: job.lost)
        object.add("timeout_seconds", job.timeout.map(JSONOutput.seconds))
        if !job.tags.isEmpty { object.add("tags", .array(job.tags.map { .string($0) })) }
        if !job.limits.isEmpty { object.add("limits", .limitKeys(job.limits)) }
        object.add("metadata", job.metadata.map { .opaque($0.json) })
        object.add("traceparent", text: job.trace?.traceparent)
        object.add("tracestate", text: job.trace?.tracestate)
        object.add("checkpoint", job.checkpoint.map(JSONOutput.opaque))
        object.add("created_at", text: job.createdAt?.rfc3339)
        return .written(object)
    }
}
