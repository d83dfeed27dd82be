// What runs a job: a value with its own dependencies, testable without a queue.

/// Runs jobs of one type.
///
/// Returning completes the job; throwing retries it by its policy, unless the error is a ``JobOutcome`` or
/// ``RetryAdvising``. The task is cancelled when the job must stop; ``JobContext/stopReason`` says why.
public protocol JobHandler<Payload>: Sendable {
    /// The type of job that this handler runs.
    associatedtype Payload: Job

    /// Where it runs; on the pool where it does not say.
    var runsOn: HandlerPlace { get }

    /// Runs one attempt.
    @concurrent
    func run(_ job: Payload, context: JobContext) async throws -> Payload.Output
}

extension JobHandler {
    /// The pool.
    public var runsOn: HandlerPlace { .pool }
}

/// Where a worker runs a handler.
public enum HandlerPlace: Sendable, Hashable {
    /// On as many threads as there are cores, beside others: the right place for all that computes.
    case pool
    /// On the thread of the worker's connection, one at a time.
    ///
    /// It saves two changes of threads a job, which pays for handlers of a few microseconds. While such a handler
    /// computes, the connection stands still, beats included: it must never block, and never compute for longer than a
    /// small part of the lease.
    case loop
    /// In a process of its own for each job: for handlers that may trap, leak or never end.
    ///
    /// It costs the start of a process, some ten ms. When that process dies, nothing else does: the job is tried again up
    /// to twice and then fails as poison. A handler that ignores its cancellation is ended.
    case process
}
