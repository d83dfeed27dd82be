// What a handler knows of its attempt and what it can say while it runs.

public import FoundationEssentials
public import Logging

/// How far a job has come, in units of its own (bytes, for a download).
public struct JobProgress: Sendable, Hashable {
    /// What is done.
    public var completed: Int64
    /// What there is in all, when known.
    public var total: Int64?
    /// Units a second, when known.
    public var rate: Double?

    /// A progress of `completed` of `total` at `rate` units a second.
    public init(completed: Int64, total: Int64? = nil, rate: Double? = nil) {
        self.completed = completed
        self.total = total
        self.rate = rate
    }
}

/// The facts of one attempt.
public struct JobAttempt: Sendable {
    /// The job's id.
    public var id: JobID
    /// The job's wire name.
    public var type: String
    /// The queue's name.
    public var queue: String
    /// The proof that this worker holds the job, `<claims>:<nonce>`.
    public var token: String
    /// How often the job was claimed, this time included: a number that only grows, to fence side effects with.
    public var claims: Int
    /// Which attempt this is, from 1.
    public var attempt: Int
    /// How many retries the job has.
    public var maxRetries: Int
    /// −1000 to 1000.
    public var priority: Int
    /// When the job was pushed.
    public var enqueuedAt: Date
    /// When the attempt must be over, by the monotonic clock; `nil` without a timeout.
    public var deadline: ContinuousClock.Instant?
    /// What an earlier attempt saved.
    public var checkpoint: [UInt8]?
    /// What the push attached for people.
    public var tags: [String]
    /// The JSON object that the push attached for people.
    public var metadata: JobMetadata?

    /// The facts of one attempt, as the runtime read them.
    public init(
        id: JobID, type: String, queue: String, token: String, claims: Int = 1, attempt: Int = 1, maxRetries: Int = 3,
        priority: Int = 0, enqueuedAt: Date = Date(), deadline: ContinuousClock.Instant? = nil,
        checkpoint: [UInt8]? = nil, tags: [String] = [], metadata: JobMetadata? = nil
    ) {
        self.id = id
        self.type = type
        self.queue = queue
        self.token = token
        self.claims = claims
        self.attempt = attempt
        self.maxRetries = maxRetries
        self.priority = priority
        self.enqueuedAt = enqueuedAt
        self.deadline = deadline
        self.checkpoint = checkpoint
        self.tags = tags
        self.metadata = metadata
    }
}

/// What the runtime does for a running handler.
///
/// Tests of handlers bring their own.
public protocol JobRuntime: Sendable {
    /// Why the job must stop, once it must.
    var stopReason: StopReason? { get }

    /// Takes note of progress; only the last value before a beat is sent.
    func report(_ progress: JobProgress)

    /// Saves a checkpoint and returns when the queue has it; throws when this worker no longer holds the job.
    @concurrent
    func save(checkpoint: [UInt8]) async throws
}

/// What a handler knows of its attempt and what it can say while it runs.
@dynamicMemberLookup
public struct JobContext: Sendable {
    /// The facts of the attempt.
    public let facts: JobAttempt
    private let baseLogger: Logger
    private let labelsLogger: Bool
    private let runtime: any JobRuntime

    /// A context over a runtime; called by the worker and by tests of handlers.
    public init(_ facts: JobAttempt, logger: Logger, runtime: any JobRuntime) {
        self.facts = facts
        baseLogger = logger
        labelsLogger = false
        self.runtime = runtime
    }

    /// A context whose logger gets the job's labels once a handler asks for it: most never do.
    package init(_ facts: JobAttempt, labelling logger: Logger, runtime: any JobRuntime) {
        self.facts = facts
        baseLogger = logger
        labelsLogger = true
        self.runtime = runtime
    }

    /// A logger with the job's id, queue, type and attempt; keep it where you log often.
    public var logger: Logger {
        guard labelsLogger else { return baseLogger }
        var logger = baseLogger
        logger[metadataKey: "job_id"] = "\(facts.id)"
        logger[metadataKey: "type"] = "\(facts.type)"
        logger[metadataKey: "attempt"] = "\(facts.attempt)"
        return logger
    }

    /// The facts of the attempt, each by its name: `context.id`, `context.attempt` and so on.
    public subscript<Value>(dynamicMember path: KeyPath<JobAttempt, Value>) -> Value { facts[keyPath: path] }

    /// Whether a failure of this attempt is the job's last.
    public var isLastAttempt: Bool { facts.attempt > facts.maxRetries }

    /// Why the job must stop; `nil` while it may go on.
    public var stopReason: StopReason? { runtime.stopReason }

    /// Throws `CancellationError` when the job must stop.
    ///
    /// Call it between steps.
    public func checkStop() throws {
        if stopReason != nil || Task.isCancelled { throw CancellationError() }
    }

    /// Reports progress.
    ///
    /// Never throws, costs nothing on the wire by itself: the next beat carries the last value.
    public func progress(_ completed: Int64, of total: Int64? = nil, rate: Double? = nil) {
        runtime.report(JobProgress(completed: completed, total: total, rate: rate))
    }

    /// What an earlier attempt saved, decoded from JSON; `nil` when there is none.
    public func checkpoint<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value? {
        guard let bytes = facts.checkpoint else { return nil }
        return try JSONDecoder().decode(type, from: Data(bytes))
    }

    /// Saves a checkpoint as JSON, at most 64 KiB, for the next attempt; returns when the queue has it.
    ///
    /// Throws when this worker no longer holds the job: then stop every side effect.
    @concurrent
    public func save(_ checkpoint: some Encodable & Sendable) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try await runtime.save(checkpoint: Array(encoder.encode(checkpoint)))
    }
}
