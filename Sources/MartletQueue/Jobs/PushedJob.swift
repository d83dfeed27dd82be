// A job's record without reading it: what is known of a job that was accepted a moment ago.

import FoundationEssentials
import MartletJobs

extension JobRecord {
    /// The record of a job that a push has just created and that may run at once, so that nobody has to read it back.
    ///
    /// `nil` where Redis' own clock is part of the record: for ids that do not say when they were made.
    package init?(queued job: NewJob, in queue: QueueName) {
        guard let createdAt = job.id.generatedAt, job.digest == nil, job.delay <= .zero, job.runAt == nil else {
            return nil
        }
        id = job.id
        self.queue = queue
        state = .queued
        type = job.type
        payload = job.payload
        priority = job.priority
        maxRetries = job.maxRetries
        retryPolicy = job.retryPolicy ?? .standard
        timeout = job.timeout
        uniqueKey = job.uniqueKey
        tags = job.tags
        metadata = job.metadata?.json
        owner = job.owner
        claims = 0
        failures = 0
        lost = 0
        self.createdAt = createdAt
        updatedAt = createdAt
        readAt = createdAt
        place = ""
    }
}
