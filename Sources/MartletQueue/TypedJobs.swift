// Pushing jobs as their authors write them, and waiting for what they return.

import FoundationEssentials
public import MartletJobs

/// A job that was pushed, to ask for its result.
public struct JobRef<Output: Codable & Sendable>: Sendable {
    /// The job's id.
    public let id: JobID
    /// Whether the same push had been made before.
    public let existed: Bool
    /// How safe the push is known to be.
    public let durability: Confirmation
    let queue: Queue

    /// The job as it stands; `nil` when it is no longer kept.
    public func record() async throws(QueueError) -> JobRecord? { try await queue.job(id) }

    /// Waits for the result, asking less often as time goes by.
    ///
    /// Throws ``JobWaitError`` when the job failed, was cancelled, is gone, or has not ended in time.
    public func result(within limit: Duration) async throws -> Output {
        let record = try await queue.waitUntilFinal(id, within: limit)
        switch record?.state {
        case .completed:
            return try JSONDecoder().decode(Output.self, from: Data(record?.output ?? Array("{}".utf8)))
        case .failed: throw JobWaitError.failed(record?.error ?? "")
        case .cancelled: throw JobWaitError.cancelled
        case nil: throw JobWaitError.gone
        default: throw JobWaitError.timedOut
        }
    }
}

/// Why there is no result.
public enum JobWaitError: Error, Sendable, Hashable {
    /// The job failed with this error.
    case failed(String)
    /// The job was cancelled.
    case cancelled
    /// The job is not kept any more.
    case gone
    /// The job has not ended in time.
    case timedOut
}

/// Why a push was refused.
public enum EnqueueError: Error, Sendable, Hashable {
    /// The id belongs to another push.
    case conflict(JobID)
    /// Another job that has not ended holds the unique key.
    case uniqueKeyTaken(by: JobID)
    /// A value is out of its range; names the field.
    case invalid(field: String)
}

extension Queue {
    /// Pushes a job.
    ///
    /// What is `nil` comes from the job's defaults.
    ///
    /// With an `id` of the caller's the push may be repeated: it meets the same job again. With a `durability` it returns
    /// when the job is that safe, or says that nobody confirmed it.
    @discardableResult
    public func enqueue<J: Job>(
        _ job: J, priority: Int? = nil, delay: Duration = .zero, maxRetries: Int? = nil,
        retryPolicy: RetryPolicy? = nil, timeout: Duration? = nil, id: JobID? = nil, uniqueKey: String? = nil,
        durability: Durability? = nil
    ) async throws -> JobRef<J.Output> {
        var new = try NewJob(job, id: id)
        new.priority = priority ?? new.priority
        new.delay = delay
        new.maxRetries = maxRetries ?? new.maxRetries
        new.retryPolicy = retryPolicy ?? new.retryPolicy
        new.timeout = timeout ?? new.timeout
        new.uniqueKey = uniqueKey
        if let field = new.invalidField { throw EnqueueError.invalid(field: field) }
        if id != nil { new.digest = new.requestDigest() }
        let pushed = try await enqueue(new, durability: durability)
        return try JobRef(
            id: new.id, existed: pushed.outcome.isRepeat(of: new.id), durability: pushed.durability, queue: self)
    }

    /// Pushes many jobs of one type with their defaults; 200 of them or a MiB in each call.
    @discardableResult
    public func enqueue<J: Job>(
        contentsOf jobs: some Sequence<J>, priority: Int? = nil, durability: Durability? = nil
    ) async throws -> [JobRef<J.Output>] {
        let new = try jobs.map { job in
            var new = try NewJob(job, id: nil)
            new.priority = priority ?? new.priority
            if let field = new.invalidField { throw EnqueueError.invalid(field: field) }
            return new
        }
        let pushed = try await enqueue(new, durability: durability)
        // By index: a job is large, and handing it round costs as much as encoding it.
        return try new.indices.map { index in
            let id = new[index].id
            return try JobRef(
                id: id, existed: pushed.outcome[index].isRepeat(of: id), durability: pushed.durability, queue: self)
        }
    }

    /// Waits until a job has ended and returns it; as it stands when the time is over; `nil` when it is not there.
    public func waitUntilFinal(_ id: JobID, within limit: Duration) async throws -> JobRecord? {
        let deadline = ContinuousClock.now + limit
        var pause = Duration.milliseconds(10)
        while true {
            let record = try await job(id)
            let left = deadline - ContinuousClock.now
            guard let record, !record.state.isFinal, left > .zero else { return record }
            try await Task.sleep(for: min(pause, left))
            pause = min(pause * 2, .milliseconds(250))
        }
    }
}

extension NewJob {
    /// A typed job with its defaults, its payload as JSON with sorted keys, so that equal jobs are equal bytes.
    init<J: Job>(_ job: J, id: JobID?) throws {
        let defaults = J.defaults
        self.init(
            id: id ?? .generate(), type: J.name, payload: try PayloadWriter.write(job),
            priority: defaults.priority, maxRetries: defaults.maxRetries, retryPolicy: defaults.retryPolicy,
            timeout: defaults.timeout)
    }
}

extension EnqueueVerdict {
    /// Whether the push met an earlier one; throws where it was refused.
    fileprivate func isRepeat(of id: JobID) throws(EnqueueError) -> Bool {
        switch self {
        case .created: false
        case .existing, .deleted: true
        case .conflict: throw .conflict(id)
        case .uniqueKeyTaken(let holder): throw .uniqueKeyTaken(by: holder)
        case .invalid(let field): throw .invalid(field: field)
        }
    }
}
