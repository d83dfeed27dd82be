// A handler as a closure, for jobs that need no handler type.

public import MartletJobs

/// Runs jobs of one type with a closure.
///
/// ```swift
/// On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
/// ```
public struct On<Payload: Job>: JobHandler, CustomStringConvertible {
    /// The type of job and the source location of the closure.
    public let description: String
    /// Where the closure runs.
    public let runsOn: HandlerPlace
    private let body: @concurrent @Sendable (Payload, JobContext) async throws -> Payload.Output

    // A closure that never returns matches both initialisers; prefer the one for jobs without output.
    /// Creates a handler for jobs of type `type` that returns their output.
    ///
    /// - Parameters:
    ///   - type: the type of job.
    ///   - runsOn: where the closure runs; the worker's thread pool by default.
    ///   - fileID: the source file, for messages.
    ///   - line: the source line, for messages.
    ///   - body: runs one attempt; throws to fail it, see `JobOutcome` and
    ///     `RetryAdvising`.
    @_disfavoredOverload
    public init(
        _ type: Payload.Type, runsOn: HandlerPlace = .pool, fileID: String = #fileID, line: Int = #line,
        run body: @escaping @concurrent @Sendable (Payload, JobContext) async throws -> Payload.Output
    ) {
        description = "On(\(type).self) at \(fileID):\(line)"
        self.runsOn = runsOn
        self.body = body
    }

    /// Creates a handler for jobs of type `type` that have no output.
    ///
    /// - Parameters:
    ///   - type: the type of job.
    ///   - runsOn: where the closure runs; the worker's thread pool by default.
    ///   - fileID: the source file, for messages.
    ///   - line: the source line, for messages.
    ///   - body: runs one attempt; throws to fail it, see `JobOutcome` and
    ///     `RetryAdvising`.
    public init(
        _ type: Payload.Type, runsOn: HandlerPlace = .pool, fileID: String = #fileID, line: Int = #line,
        run body: @escaping @concurrent @Sendable (Payload, JobContext) async throws -> Void
    ) where Payload.Output == Empty {
        self.init(type, runsOn: runsOn, fileID: fileID, line: line) { job, context in
            try await body(job, context)
            return Empty()
        }
    }

    /// Calls the closure for one attempt.
    ///
    /// - Parameters:
    ///   - job: the decoded payload.
    ///   - context: the attempt's context.
    /// - Returns: the output of the closure.
    /// - Throws: what the closure throws.
    @concurrent
    public func run(_ job: Payload, context: JobContext) async throws -> Payload.Output {
        try await body(job, context)
    }
}
