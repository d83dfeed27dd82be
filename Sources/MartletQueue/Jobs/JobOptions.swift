// What a push says of a typed job beyond its payload, and the job as the queue takes it.

public import FoundationEssentials
public import MartletJobs

/// What a push says of a typed job beyond its payload and its id.
///
/// What is `nil` comes from the job's `JobDefaults`.
public struct JobOptions: Sendable {
    /// −1000 to 1000; a larger number runs first.
    public var priority: Int?
    /// How long to wait before the job may run, at most 365 days.
    public var delay: Duration
    /// When the job may run, at most 365 days from now; not together with a delay.
    public var runAt: Date?
    /// How often a failed attempt is tried again, 0 to 100.
    public var maxRetries: Int?
    /// How long to wait before each retry.
    public var retryPolicy: RetryPolicy?
    /// How long one attempt may run.
    public var timeout: Duration?
    /// A key that at most one job that has not ended may hold; up to 128 bytes.
    public var uniqueKey: String?
    /// Up to 16 words of up to 64 bytes, for people.
    public var tags: [String]
    /// A JSON object for people.
    public var metadata: JobMetadata?

    /// Options with the job's defaults where the caller says nothing.
    public init(
        priority: Int? = nil, delay: Duration = .zero, runAt: Date? = nil, maxRetries: Int? = nil,
        retryPolicy: RetryPolicy? = nil, timeout: Duration? = nil, uniqueKey: String? = nil, tags: [String] = [],
        metadata: JobMetadata? = nil
    ) {
        self.priority = priority
        self.delay = delay
        self.runAt = runAt
        self.maxRetries = maxRetries
        self.retryPolicy = retryPolicy
        self.timeout = timeout
        self.uniqueKey = uniqueKey
        self.tags = tags
        self.metadata = metadata
    }
}

extension NewJob {
    /// A typed job with an id of our own making.
    ///
    /// - Throws: ``EnqueueError/invalid(field:)``, or what encoding the payload throws.
    public init<J: Job>(_ job: J, options: JobOptions = JobOptions()) throws {
        try self.init(job, id: .generate(), options)
    }

    /// A typed job with an id of the caller's, so that the push may be repeated.
    ///
    /// - Throws: ``EnqueueError/invalid(field:)``, or what encoding the payload throws.
    public init<J: Job>(_ job: J, id: JobID, options: JobOptions = JobOptions()) throws {
        try self.init(job, id: id, options)
        digest = requestDigest()
    }

    /// The payload is JSON with sorted keys, so that equal jobs are equal bytes.
    private init<J: Job>(_ job: J, id: JobID, _ options: JobOptions) throws {
        let defaults = J.defaults
        self.init(
            id: id, type: J.name, payload: try PayloadWriter.write(job),
            priority: options.priority ?? defaults.priority,
            delay: options.delay, runAt: options.runAt, maxRetries: options.maxRetries ?? defaults.maxRetries,
            retryPolicy: options.retryPolicy ?? defaults.retryPolicy, timeout: options.timeout ?? defaults.timeout,
            uniqueKey: options.uniqueKey, tags: options.tags, metadata: options.metadata)
        if let field = invalidField { throw EnqueueError.invalid(field: field) }
    }
}
