// Pushing typed jobs, and waiting for their results.

public import FoundationEssentials
public import MartletJobs

/// A reference to a pushed job.
///
/// ```swift
/// let job = try await queue.enqueue(Add(a: 1, b: 2))
/// let sum = try await job.result(within: .seconds(10))
/// ```
public struct JobRef<Output: Codable & Sendable>: Sendable {
    /// The job's id.
    public let id: JobID
    /// Whether the same push had been made before.
    public let existed: Bool
    /// The confirmed durability of the push.
    public let durability: Confirmation
    let queue: Queue

    /// Reads the job.
    ///
    /// - Returns: the job; `nil` when it is no longer kept.
    /// - Throws: ``QueueError``.
    public func record() async throws(QueueError) -> JobRecord? { try await queue.job(id) }

    /// Waits for the result, polling less often over time.
    ///
    /// - Parameter limit: the longest wait.
    /// - Returns: the decoded output.
    /// - Throws: ``JobWaitError`` when the job failed, was cancelled, is no longer kept, or has not finished in time;
    ///   ``QueueError``; `DecodingError`.
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

/// Why a job has no result.
///
/// ```swift
/// do {
///     let sum = try await job.result(within: .seconds(10))
///     print(sum)
/// } catch JobWaitError.timedOut {
///     print("still running")
/// }
/// ```
public enum JobWaitError: Error, Sendable, Hashable {
    /// The job failed with this error.
    case failed(String)
    /// The job was cancelled.
    case cancelled
    /// The job is no longer kept.
    case gone
    /// The job has not finished in time.
    case timedOut
}

/// Why a push was refused.
///
/// ```swift
/// do {
///     try await queue.enqueue(receipt, id: try JobID(validating: "receipt-4711"))
/// } catch EnqueueError.conflict(let id) {
///     print("\(id) was pushed before with other content")
/// }
/// ```
public enum EnqueueError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The id belongs to another push.
    case conflict(JobID)
    /// Another unfinished job holds the unique key.
    case uniqueKeyTaken(by: JobID)
    /// The weight of a key is more than this limit ever allows; the value names the limit.
    case tooHeavy(limit: String)
    /// A value is out of range; the value names the field.
    case invalid(field: String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .conflict(let id): "the id \(id) belongs to a job with other content; push this one with another id"
        case .uniqueKeyTaken(let holder): "the unique key is held by job \(holder), which has not finished"
        case .tooHeavy(let limit): "limits \(NewJob.weightRule(limit))"
        case .invalid(let field): "\(field) \(NewJob.rule(for: field))"
        }
    }
}

extension Queue {
    /// Pushes a job.
    ///
    /// Values that are `nil` come from the job's defaults. With a `durability`, the call returns when the push is that
    /// durable, or reports that this was not confirmed.
    ///
    /// - Parameters:
    ///   - job: the payload.
    ///   - priority: −1000 to 1000; larger runs first.
    ///   - delay: the delay before the job may run, at most 365 days.
    ///   - runAt: when the job may run, at most 365 days from now; not together with a delay.
    ///   - maxRetries: the number of retries after the first attempt, 0 to 100.
    ///   - retryPolicy: the delay before each retry.
    ///   - timeout: the time limit of one attempt.
    ///   - uniqueKey: a key that at most one unfinished job may hold; up to 128 bytes.
    ///   - tags: up to 16 labels of up to 64 bytes.
    ///   - limits: up to 8 keys by which the queue may limit what runs.
    ///   - metadata: a JSON object that travels with the job.
    ///   - durability: the least durability to wait for; the queue's setting by default.
    /// - Returns: a reference to the job.
    /// - Throws: ``EnqueueError`` when the push is refused, ``QueueError``, or the error of encoding the payload.
    @discardableResult
    public func enqueue<J: Job>(
        _ job: J, priority: Int? = nil, delay: Duration = .zero, runAt: Date? = nil, maxRetries: Int? = nil,
        retryPolicy: RetryPolicy? = nil, timeout: Duration? = nil, uniqueKey: String? = nil, tags: [String] = [],
        limits: [LimitKey] = [], metadata: JobMetadata? = nil, durability: Durability? = nil
    ) async throws -> JobRef<J.Output> {
        let options = JobOptions(
            priority: priority, delay: delay, runAt: runAt, maxRetries: maxRetries, retryPolicy: retryPolicy,
            timeout: timeout, uniqueKey: uniqueKey, tags: tags, limits: limits, metadata: metadata)
        return try await push(NewJob(job, options: options), durability)
    }

    /// Pushes a job with an id of the caller; a repeated push finds the same job.
    ///
    /// The other parameters are those of the push without an id.
    ///
    /// - Parameters:
    ///   - job: the payload.
    ///   - priority: −1000 to 1000; larger runs first.
    ///   - delay: the delay before the job may run, at most 365 days.
    ///   - runAt: when the job may run, at most 365 days from now; not together with a delay.
    ///   - maxRetries: the number of retries after the first attempt, 0 to 100.
    ///   - retryPolicy: the delay before each retry.
    ///   - timeout: the time limit of one attempt.
    ///   - id: the id of the job.
    ///   - uniqueKey: a key that at most one unfinished job may hold; up to 128 bytes.
    ///   - tags: up to 16 labels of up to 64 bytes.
    ///   - limits: up to 8 keys by which the queue may limit what runs.
    ///   - metadata: a JSON object that travels with the job.
    ///   - durability: the least durability to wait for; the queue's setting by default.
    /// - Returns: a reference to the job; ``JobRef/existed`` tells whether it was pushed before.
    /// - Throws: ``EnqueueError/conflict(_:)`` when the id belongs to a job with other content, and the errors of a
    ///   push without
    /// an id.
    @discardableResult
    public func enqueue<J: Job>(
        _ job: J, priority: Int? = nil, delay: Duration = .zero, runAt: Date? = nil, maxRetries: Int? = nil,
        retryPolicy: RetryPolicy? = nil, timeout: Duration? = nil, id: JobID, uniqueKey: String? = nil,
        tags: [String] = [], limits: [LimitKey] = [], metadata: JobMetadata? = nil, durability: Durability? = nil
    ) async throws -> JobRef<J.Output> {
        let options = JobOptions(
            priority: priority, delay: delay, runAt: runAt, maxRetries: maxRetries, retryPolicy: retryPolicy,
            timeout: timeout, uniqueKey: uniqueKey, tags: tags, limits: limits, metadata: metadata)
        return try await push(NewJob(job, id: id, options: options), durability)
    }

    /// Pushes many jobs of one type; 200 of them or 1 MiB per request.
    ///
    /// - Parameters:
    ///   - jobs: the payloads.
    ///   - priority: −1000 to 1000; larger runs first; `nil` means the job's default.
    ///   - durability: the least durability to wait for; the queue's setting by default.
    /// - Returns: a reference to each job, in order.
    /// - Throws: ``EnqueueError`` for the first refused job, ``QueueError``, or the error of encoding a payload.
    @discardableResult
    public func enqueue<J: Job>(
        contentsOf jobs: some Sequence<J>, priority: Int? = nil, durability: Durability? = nil
    ) async throws -> [JobRef<J.Output>] {
        try await enqueue(contentsOf: jobs, options: JobOptions(priority: priority), durability: durability)
    }

    /// Pushes many jobs of one type with the same options; 200 of them or 1 MiB per request.
    ///
    /// - Parameters:
    ///   - jobs: the payloads.
    ///   - options: the options of each job.
    ///   - durability: the least durability to wait for; the queue's setting by default.
    /// - Returns: a reference to each job, in order.
    /// - Throws: ``EnqueueError`` for the first refused job, ``QueueError``, or the error of encoding a payload.
    @discardableResult
    public func enqueue<J: Job>(
        contentsOf jobs: some Sequence<J>, options: JobOptions, durability: Durability? = nil
    ) async throws -> [JobRef<J.Output>] {
        let new = try jobs.map { try NewJob($0, options: options) }
        let pushed = try await enqueue(new, durability: durability)
        // By index: a job is large, and copying it costs as much as encoding it.
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

    /// Waits until a job has finished.
    ///
    /// - Parameters:
    ///   - id: the job's id.
    ///   - limit: the longest wait.
    /// - Returns: the job, finished or as it is after the limit; `nil` when there is none.
    /// - Throws: ``QueueError``, or `CancellationError` when the task is cancelled.
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
    /// Whether the push found an earlier one; throws when it was refused.
    fileprivate func isRepeat(of id: JobID) throws(EnqueueError) -> Bool {
        switch self {
        case .created: false
        case .existing, .deleted: true
        case .conflict: throw .conflict(id)
        case .uniqueKeyTaken(let holder): throw .uniqueKeyTaken(by: holder)
        case .tooHeavy(let limit): throw .tooHeavy(limit: limit)
        case .invalid(let field): throw .invalid(field: field)
        }
    }
}
