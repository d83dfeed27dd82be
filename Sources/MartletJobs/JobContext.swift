// The context of a running attempt: facts, progress, checkpoints and stop requests.

public import FoundationEssentials
public import Logging

/// The progress of a job, in units of its own (bytes, for a download).
///
/// ```swift
/// let progress = JobProgress(completed: 25, total: 100, rate: 5)
/// ```
public struct JobProgress: Sendable, Hashable {
    /// The completed units.
    public var completed: Int64
    /// The total units, if known.
    public var total: Int64?
    /// Units per second, if known.
    public var rate: Double?

    /// Creates a progress value.
    ///
    /// - Parameters:
    ///   - completed: the completed units.
    ///   - total: the total units, if known.
    ///   - rate: units per second, if known.
    public init(completed: Int64, total: Int64? = nil, rate: Double? = nil) {
        self.completed = completed
        self.total = total
        self.rate = rate
    }
}

/// The facts of one attempt; a handler reads them through ``JobContext``.
///
/// ```swift
/// let isRepeated = context.attempt > 1
/// let fence = context.claims  // a store that keeps the largest one can refuse writes of an earlier claim
/// ```
public struct JobAttempt: Sendable {
    /// The job's id.
    public var id: JobID
    /// The job's wire name.
    public var type: String
    /// The queue's name.
    public var queue: String
    /// The claim token that proves the lease, `<claims>:<nonce>`.
    public var token: String
    /// How often the job was claimed, including now; it only grows, so it can fence side effects.
    public var claims: Int
    /// The number of this attempt, from 1.
    public var attempt: Int
    /// The number of retries that the job has.
    public var maxRetries: Int
    /// −1000 to 1000.
    public var priority: Int
    /// When the job was pushed.
    public var enqueuedAt: Date
    /// When the attempt times out, by the monotonic clock; `nil` without a timeout.
    public var deadline: ContinuousClock.Instant?
    /// The checkpoint of an earlier attempt, as JSON; `nil` when there is none.
    public var checkpoint: [UInt8]?
    /// The tags from the push.
    public var tags: [String]
    /// The metadata from the push.
    public var metadata: JobMetadata?
    /// Where in a trace the job was pushed; `nil` outside of any trace.
    public var trace: TraceContext?

    /// Creates the facts of an attempt, as a runtime or a test needs them.
    ///
    /// - Parameters:
    ///   - id: the job's id.
    ///   - type: the job's wire name.
    ///   - queue: the queue's name.
    ///   - token: the claim token, `<claims>:<nonce>`.
    ///   - claims: how often the job was claimed, including now.
    ///   - attempt: the number of this attempt, from 1.
    ///   - maxRetries: the number of retries that the job has.
    ///   - priority: −1000 to 1000.
    ///   - enqueuedAt: when the job was pushed.
    ///   - deadline: when the attempt times out; `nil` without a timeout.
    ///   - checkpoint: the checkpoint of an earlier attempt.
    ///   - tags: the tags from the push.
    ///   - metadata: the metadata from the push.
    ///   - trace: where in a trace the job was pushed.
    public init(
        id: JobID, type: String, queue: String, token: String, claims: Int = 1, attempt: Int = 1, maxRetries: Int = 3,
        priority: Int = 0, enqueuedAt: Date = Date(), deadline: ContinuousClock.Instant? = nil,
        checkpoint: [UInt8]? = nil, tags: [String] = [], metadata: JobMetadata? = nil, trace: TraceContext? = nil
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
        self.trace = trace
    }
}

/// The interface between a running handler and its worker.
///
/// Tests of handlers can implement it; `TestRun` in MartletTesting does.
///
/// ```swift
/// struct SilentRuntime: JobRuntime {
///     var stopReason: StopReason? { nil }
///     func report(_ progress: JobProgress) {}
///     func save(checkpoint: [UInt8]) async throws {}
/// }
/// ```
public protocol JobRuntime: Sendable {
    /// Why the job must stop; `nil` while it may continue.
    var stopReason: StopReason? { get }

    /// Records progress; each heartbeat sends only the latest value.
    ///
    /// - Parameter progress: the progress.
    func report(_ progress: JobProgress)

    /// Saves a checkpoint and returns when the queue has confirmed it.
    ///
    /// - Parameter checkpoint: the checkpoint, at most 64 KiB.
    /// - Throws: an error when this worker no longer holds the job or the checkpoint is too large.
    @concurrent
    func save(checkpoint: [UInt8]) async throws
}

/// The context of one attempt, passed to the handler.
///
/// ```swift
/// On(Import.self) { job, context in
///     var row = try context.checkpoint(as: Int.self) ?? 0
///     while row < job.rows {
///         try context.checkStop()
///         row += 1
///         context.progress(Int64(row), of: Int64(job.rows))
///         if row % 1000 == 0 { try await context.save(row) }
///     }
/// }
/// ```
@dynamicMemberLookup
public struct JobContext: Sendable {
    /// The facts of the attempt.
    public let facts: JobAttempt
    private let baseLogger: Logger
    private let labelsLogger: Bool
    private let runtime: any JobRuntime

    /// Creates a context; workers and tests of handlers call this.
    ///
    /// - Parameters:
    ///   - facts: the facts of the attempt.
    ///   - logger: the base logger; the context adds the job's labels.
    ///   - runtime: receives progress and checkpoints.
    public init(_ facts: JobAttempt, logger: Logger, runtime: any JobRuntime) {
        self.facts = facts
        baseLogger = logger
        labelsLogger = false
        self.runtime = runtime
    }

    /// Creates a context that labels its logger on first use, since most handlers never log.
    package init(_ facts: JobAttempt, labelling logger: Logger, runtime: any JobRuntime) {
        self.facts = facts
        baseLogger = logger
        labelsLogger = true
        self.runtime = runtime
    }

    /// A logger with the job's id, queue, type and attempt.
    ///
    /// Each call makes a new one; keep it where you log often.
    public var logger: Logger {
        guard labelsLogger else { return baseLogger }
        var logger = baseLogger
        logger[metadataKey: "job_id"] = "\(facts.id)"
        logger[metadataKey: "type"] = "\(facts.type)"
        logger[metadataKey: "attempt"] = .stringConvertible(facts.attempt)
        return logger
    }

    /// Reads a fact of the attempt by name: `context.id`, `context.attempt` and so on.
    ///
    /// - Parameter path: the fact.
    public subscript<Value>(dynamicMember path: KeyPath<JobAttempt, Value>) -> Value { facts[keyPath: path] }

    /// Whether a failure of this attempt is final.
    public var isLastAttempt: Bool { facts.attempt > facts.maxRetries }

    /// Why the job must stop; `nil` while it may continue.
    public var stopReason: StopReason? { runtime.stopReason }

    /// Throws when the job must stop; call it between steps.
    ///
    /// - Throws: `CancellationError`.
    public func checkStop() throws {
        if stopReason != nil || Task.isCancelled { throw CancellationError() }
    }

    /// Reports progress; never throws.
    ///
    /// It sends nothing by itself: the next heartbeat carries the latest value.
    ///
    /// - Parameters:
    ///   - completed: the completed units.
    ///   - total: the total units, if known.
    ///   - rate: units per second, if known.
    public func progress(_ completed: Int64, of total: Int64? = nil, rate: Double? = nil) {
        runtime.report(JobProgress(completed: completed, total: total, rate: rate))
    }

    /// Decodes the checkpoint of an earlier attempt from JSON.
    ///
    /// - Parameter type: the type to decode.
    /// - Returns: the checkpoint; `nil` when there is none.
    /// - Throws: `DecodingError`.
    public func checkpoint<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value? {
        guard let bytes = facts.checkpoint else { return nil }
        return try JSONDecoder().decode(type, from: Data(bytes))
    }

    /// Saves a checkpoint for the next attempt; returns when the queue has confirmed it.
    ///
    /// - Parameter checkpoint: the value to save; at most 64 KiB as JSON.
    /// - Throws: `CheckpointError`; `.leaseLost` means that another worker may run the job, so stop every side effect.
    @concurrent
    public func save(_ checkpoint: some Encodable & Sendable) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try await runtime.save(checkpoint: Array(encoder.encode(checkpoint)))
    }
}
