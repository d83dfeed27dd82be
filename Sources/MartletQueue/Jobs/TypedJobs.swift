// Pushing jobs as their authors write them, and waiting for what they return.

public import FoundationEssentials
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
public enum EnqueueError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The id belongs to another push.
    case conflict(JobID)
    /// Another job that has not ended holds the unique key.
    case uniqueKeyTaken(by: JobID)
    /// A value is out of its range; names the field.
    case invalid(field: String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .conflict(let id): "the id \(id) belongs to a job with other content; push this one with another id"
        case .uniqueKeyTaken(let holder): "the unique key is held by job \(holder), which has not ended"
        case .invalid(let field): "\(field) \(NewJob.rule(for: field))"
        }
    }
}

extension Queue {
    /// Pushes a job.
    ///
    /// What is `nil` comes from the job's defaults. With a `durability` it returns when the job is that safe, or says that
    /// nobody confirmed it.
    ///
    /// - Parameters:
    ///   - job: the payload.
    ///   - priority: −1000 to 1000; a larger number runs first.
    ///   - delay: how long to wait before the job may run, at most 365 days.
    ///   - runAt: when the job may run, at most 365 days from now; not together with a delay.
    ///   - maxRetries: how often a failed attempt is tried again, 0 to 100.
    ///   - retryPolicy: how long to wait before each retry.
    ///   - timeout: how long one attempt may run.
    ///   - uniqueKey: a key that at most one job that has not ended may hold; up to 128 bytes.
    ///   - tags: up to 16 words of up to 64 bytes, for people.
    ///   - metadata: a JSON object for people.
    ///   - durability: how safe the job must be before this returns.
    /// - Throws: ``EnqueueError`` when the push is refused, ``QueueError``, or what encoding the payload throws.
    @discardableResult
    public func enqueue<J: Job>(
        _ job: J, priority: Int? = nil, delay: Duration = .zero, runAt: Date? = nil, maxRetries: Int? = nil,
        retryPolicy: RetryPolicy? = nil, timeout: Duration? = nil, uniqueKey: String? = nil, tags: [String] = [],
        metadata: JobMetadata? = nil, durability: Durability? = nil
    ) async throws -> JobRef<J.Output> {
        let options = JobOptions(
            priority: priority, delay: delay, runAt: runAt, maxRetries: maxRetries, retryPolicy: retryPolicy,
            timeout: timeout, uniqueKey: uniqueKey, tags: tags, metadata: metadata)
        return try await push(NewJob(job, options: options), durability)
    }

    /// Pushes a job with an id of the caller's, so that the push may be repeated: it meets the same job again.
    ///
    /// The parameters beside `id` are those of the push without one.
    ///
    /// - Throws: ``EnqueueError/conflict(_:)`` when the id belongs to a job with other content, and what the push without
    ///   an id throws.
    @discardableResult
    public func enqueue<J: Job>(
        _ job: J, priority: Int? = nil, delay: Duration = .zero, runAt: Date? = nil, maxRetries: Int? = nil,
        retryPolicy: RetryPolicy? = nil, timeout: Duration? = nil, id: JobID, uniqueKey: String? = nil,
        tags: [String] = [], metadata: JobMetadata? = nil, durability: Durability? = nil
    ) async throws -> JobRef<J.Output> {
        let options = JobOptions(
            priority: priority, delay: delay, runAt: runAt, maxRetries: maxRetries, retryPolicy: retryPolicy,
            timeout: timeout, uniqueKey: uniqueKey, tags: tags, metadata: metadata)
        return try await push(NewJob(job, id: id, options: options), durability)
    }

    /// Pushes many jobs of one type; 200 of them or a MiB in each call.
    ///
    /// - Parameters:
    ///   - jobs: the payloads.
    ///   - priority: −1000 to 1000; a larger number runs first; `nil` takes the job's default.
    ///   - durability: how safe the jobs must be before this returns.
    @discardableResult
    public func enqueue<J: Job>(
        contentsOf jobs: some Sequence<J>, priority: Int? = nil, durability: Durability? = nil
    ) async throws -> [JobRef<J.Output>] {
        try await enqueue(contentsOf: jobs, options: JobOptions(priority: priority), durability: durability)
    }

    /// Pushes many jobs of one type with the same options; 200 of them or a MiB in each call.
    ///
    /// - Parameters:
    ///   - jobs: the payloads.
    ///   - options: what is said of each of them.
    ///   - durability: how safe the jobs must be before this returns.
    @discardableResult
    public func enqueue<J: Job>(
        contentsOf jobs: some Sequence<J>, options: JobOptions, durability: Durability? = nil
    ) async throws -> [JobRef<J.Output>] {
        let new = try jobs.map { try NewJob($0, options: options) }
        let pushed = try await enqueue(new, durability: durability)
        // By index: a job is large, and handing it round costs as much as encoding it.
        return try new.indices.map { index in
            let id = new[index].id
            return try JobRef(
                id: id, existed: pushed.outcome[index].isRepeat(of: id), durability: pushed.durability, queue: self)
        }
    }

    private func push<Output>(_ new: NewJob, _ durability: Durability?) async throws -> JobRef<Output> {
        let pushed = try await enqueue(new, durability: durability)
        return try JobRef(
            id: new.id, existed: pushed.outcome.isRepeat(of: new.id), durability: pushed.durability, queue: self)
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
