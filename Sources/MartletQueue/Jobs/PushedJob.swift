// The record of a newly created job, without reading it back.

import FoundationEssentials
import MartletJobs

extension JobRecord {
    /// Creates the record of a job that was just pushed and may run at once.
    ///
    /// `nil` when Redis' clock is part of the record: for ids that do not contain the time.
    package init?(queued job: NewJob, in queue: QueueName) {
        guard let createdAt = job.id.generatedAt, job.digest == nil, job.delay <= .zero, job.runAt == nil else {
            return nil
        }
        self.init(id: job.id, queue: queue, state: .queued, place: "", createdAt: createdAt, readAt: createdAt)
        type = job.type
        payload = job.payload
        priority = job.priority
        maxRetries = job.maxRetries
        retryPolicy = job.retryPolicy ?? .standard
        timeout = job.timeout
        uniqueKey = job.uniqueKey
        tags = job.tags
        limits = job.limits
        metadata = job.metadata?.json
        owner = job.owner
        trace = job.trace
    }
}
