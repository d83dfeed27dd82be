// What runs a job: a value with its own dependencies, testable without a queue.

/// Runs jobs of one type.
///
/// Returning completes the job; throwing retries it by its policy, unless the error is a ``JobOutcome`` or
/// ``RetryAdvising``. The task is cancelled when the job shall stop; ``JobContext/stopReason`` says why.
public protocol JobHandler<Payload>: Sendable {
    /// The type of job that this handler runs.
    associatedtype Payload: Job

    /// Runs one attempt.
    @concurrent
    func run(_ job: Payload, context: JobContext) async throws -> Payload.Output
}
