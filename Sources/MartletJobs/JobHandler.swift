// The protocol of handlers: values with their own dependencies, testable without a queue.

/// Runs jobs of one type.
///
/// When `run` returns, the job completes. When it throws, the job is retried by its policy, unless the error is a
/// ``JobOutcome`` or ``RetryAdvising``. The task is cancelled when the job must stop; ``JobContext/stopReason`` says
/// why.
///
/// ```swift
/// struct ReceiptHandler: JobHandler {
///     let mail: any MailTransport
///
///     func run(_ job: SendReceipt, context: JobContext) async throws -> Empty {
///         try await mail.send("receipt", to: "order-\(job.order)@example.com")
///         return Empty()
///     }
/// }
/// ```
public protocol JobHandler<Payload>: Sendable {
    /// The type of job that the handler runs.
    associatedtype Payload: Job

    /// Where the handler runs; ``HandlerPlace/pool`` by default.
    var runsOn: HandlerPlace { get }

    /// Runs one attempt.
    ///
    /// - Parameters:
    ///   - job: the decoded payload.
    ///   - context: the attempt's context.
    /// - Returns: the job's output.
    /// - Throws: an error to fail the attempt, a ``JobOutcome``, or a ``RetryAdvising`` error.
    @concurrent
    func run(_ job: Payload, context: JobContext) async throws -> Payload.Output
}

extension JobHandler {
    /// The thread pool.
    public var runsOn: HandlerPlace { .pool }
}

/// Where a worker runs a handler.
///
/// ```swift
/// struct ReceiptRenderer: JobHandler {
///     var runsOn: HandlerPlace { .process }  // a crash ends only the process of its job
///     func run(_ job: SendReceipt, context: JobContext) async throws -> Empty { Empty() }
/// }
/// ```
public enum HandlerPlace: Sendable, Hashable {
    /// On the worker's thread pool, with one thread per core: the right choice for handlers that compute.
    case pool
    /// On the thread of the worker's connection, one at a time.
    ///
    /// This saves two thread switches per job, which matters for handlers of a few microseconds. While such a handler
    /// computes, the connection is blocked, including heartbeats: it must never block, and never compute for longer
    /// than a small part of the lease.
    case loop
    /// In a separate process per job: for handlers that may crash, leak or never return.
    ///
    /// Starting the process costs about ten milliseconds. A crash ends only that process: the job is retried up to
    /// twice and then fails as poison. A handler that ignores cancellation is killed.
    case process
}
