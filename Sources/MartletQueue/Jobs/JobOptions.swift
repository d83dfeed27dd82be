// The options of a typed push, and the conversion to a queue's job.

public import FoundationEssentials
import MartletJSON
public import MartletJobs

/// The options of a typed push beyond payload and id.
///
/// Values that are `nil` come from the job's `JobDefaults`.
///
/// ```swift
/// var options = JobOptions(priority: 10, tags: ["billing"])
/// options.delay = .seconds(60)
/// try await queue.enqueue(contentsOf: receipts, options: options)
/// ```
public struct JobOptions: Sendable {
    /// −1000 to 1000; larger runs first.
    public var priority: Int?
    /// The delay before the job may run, at most 365 days.
    public var delay: Duration
    /// When the job may run, at most 365 days from now; not together with a delay.
    public var runAt: Date?
    /// The number of retries after the first attempt, 0 to 100.
    public var maxRetries: Int?
    /// The delay before each retry.
    public var retryPolicy: RetryPolicy?
    /// The time limit of one attempt.
    public var timeout: Duration?
    /// A key that at most one unfinished job may hold; up to 128 bytes.
    public var uniqueKey: String?
    /// Up to 16 labels of up to 64 bytes.
    public var tags: [String]
    /// Up to 8 keys by which the queue may limit what runs, each with its weight.
    public var limits: [LimitKey]
    /// A JSON object that travels with the job.
    public var metadata: JobMetadata?
    /// Where in a trace the job is pushed; `nil` for the span of the push, if there is a tracer.
    public var trace: TraceContext?

    /// Creates options; omitted values come from the job's defaults.
    ///
    /// - Parameters:
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
    ///   - trace: where in a trace the job is pushed; `nil` for the span of the push, if there is a tracer.
    public init(
        priority: Int? = nil, delay: Duration = .zero, runAt: Date? = nil, maxRetries: Int? = nil,
        retryPolicy: RetryPolicy? = nil, timeout: Duration? = nil, uniqueKey: String? = nil, tags: [String] = [],
        limits: [LimitKey] = [], metadata: JobMetadata? = nil, trace: TraceContext? = nil
    ) {
        self.priority = priority
        self.delay = delay
        self.runAt = runAt
        self.maxRetries = maxRetries
        self.retryPolicy = retryPolicy
        self.timeout = timeout
        self.uniqueKey = uniqueKey
        self.tags = tags
        self.limits = limits
        self.metadata = metadata
        self.trace = trace
    }
}

extension NewJob {
    /// Creates a job from a typed one, with a generated id.
    ///
    /// - Parameters:
    ///   - job: the payload.
    ///   - options: the options.
    /// - Throws: ``EnqueueError/invalid(field:)``, or the error of encoding the payload.
    public init<J: Job>(_ job: J, options: JobOptions = JobOptions()) throws {
        try self.init(job, id: .generate(), options)
    }

    /// Creates a job from a typed one, with an id of the caller, so that the push can be repeated.
    ///
    /// - Parameters:
    ///   - job: the payload.
    ///   - id: the id.
    ///   - options: the options.
    /// - Throws: ``EnqueueError/invalid(field:)``, or the error of encoding the payload.
    public init<J: Job>(_ job: J, id: JobID, options: JobOptions = JobOptions()) throws {
        try self.init(job, id: id, options)
        digest = requestDigest()
    }

    /// Encodes the payload as JSON with sorted keys, so that equal jobs have equal bytes.
    private init<J: Job>(_ job: J, id: JobID, _ options: JobOptions) throws {
        let defaults = J.defaults
        self.init(
            id: id, type: J.name, payload: try PayloadWriter.write(job),
            priority: options.priority ?? defaults.priority,
            delay: options.delay, runAt: options.runAt, maxRetries: options.maxRetries ?? defaults.maxRetries,
            retryPolicy: options.retryPolicy ?? defaults.retryPolicy, timeout: options.timeout ?? defaults.timeout,
            uniqueKey: options.uniqueKey, tags: options.tags, limits: options.limits,
            metadata: options.metadata, trace: options.trace)
        if let field = invalidField { throw EnqueueError.invalid(field: field) }
    }
}
