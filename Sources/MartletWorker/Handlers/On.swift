// A handler as a closure, for jobs whose handling needs no type of its own.

public import MartletJobs

/// Runs jobs of one type by a closure.
///
/// ```swift
/// On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
/// ```
public struct On<Payload: Job>: JobHandler, CustomStringConvertible {
    /// The type of job and where the closure was written.
    public let description: String
    /// Where the closure runs.
    public let runsOn: HandlerPlace
    private let body: @concurrent @Sendable (Payload, JobContext) async throws -> Payload.Output

    // A closure that never returns fits both initialisers; the other one is meant.
    /// A handler for jobs of type `type` that returns their result.
    @_disfavoredOverload
    public init(
        _ type: Payload.Type, runsOn: HandlerPlace = .pool, fileID: String = #fileID, line: Int = #line,
        run body: @escaping @concurrent @Sendable (Payload, JobContext) async throws -> Payload.Output
    ) {
        description = "On(\(type).self) at \(fileID):\(line)"
        self.runsOn = runsOn
        self.body = body
    }

    /// A handler for jobs of type `type` that return nothing.
    public init(
        _ type: Payload.Type, runsOn: HandlerPlace = .pool, fileID: String = #fileID, line: Int = #line,
        run body: @escaping @concurrent @Sendable (Payload, JobContext) async throws -> Void
    ) where Payload.Output == Empty {
        self.init(type, runsOn: runsOn, fileID: fileID, line: line) { job, context in
            try await body(job, context)
            return Empty()
        }
    }

    /// Calls the closure.
    @concurrent
    public func run(_ job: Payload, context: JobContext) async throws -> Payload.Output {
        try await body(job, context)
    }
}
