// Runs one attempt of a job in a test of its handler: no Redis, no queue, no worker.

import FoundationEssentials
public import Logging
public import MartletJobs
import Synchronization

/// An attempt for tests of handlers; records everything that the handler reports.
///
/// ```swift
/// let run = try TestRun(attempt: 2, checkpoint: 100)
/// try await run.perform(ImportHandler(), Import(rows: 300))
/// #expect(try run.checkpoint() == 300)
/// ```
public final class TestRun: Sendable {
    private let facts: JobAttempt
    private let logger: Logger
    private let runtime = TestRuntime()

    /// Creates an attempt with these facts.
    ///
    /// - Parameters:
    ///   - attempt: the number of the attempt, from 1.
    ///   - maxRetries: the number of retries that the job has.
    ///   - claims: how often the job was claimed, including now; `attempt` by default.
    ///   - queue: the queue's name.
    ///   - id: the job's id.
    ///   - tags: the tags from the push.
    ///   - metadata: the metadata from the push.
    ///   - checkpoint: the checkpoint of an earlier attempt; encoded as `JobContext.save(_:)` does.
    ///   - logger: receives the handler's log lines; drops them by default.
    /// - Throws: the error of encoding the checkpoint.
    public init(
        attempt: Int = 1, maxRetries: Int = 3, claims: Int? = nil, queue: String = "default", id: JobID = .generate(),
        tags: [String] = [], metadata: JobMetadata? = nil, checkpoint: (any Encodable & Sendable)? = nil,
        logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    ) throws {
        let claims = claims ?? attempt
        facts = JobAttempt(
            id: id, type: "test", queue: queue, token: "\(claims):test", claims: claims, attempt: attempt,
            maxRetries: maxRetries, checkpoint: try checkpoint.map { Array(try JSONEncoder().encode($0)) }, tags: tags,
            metadata: metadata)
        self.logger = logger
    }

    /// Runs the handler to its end; ``stop(_:)`` cancels it, as a worker would.
    ///
    /// - Parameters:
    ///   - handler: the handler under test.
    ///   - job: the payload.
    /// - Returns: the handler's output.
    /// - Throws: the handler's error.
    @discardableResult
    public func perform<Handler: JobHandler>(
        _ handler: Handler, _ job: Handler.Payload
    ) async throws -> Handler.Payload.Output {
        let context = context(type: Handler.Payload.name)
        let task = Task { try await handler.run(job, context: context) }
        runtime.attach { task.cancel() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Creates the context that ``perform(_:_:)`` passes to the handler, for tests of middleware and helper functions.
    ///
    /// - Parameter type: the job's wire name.
    /// - Returns: the context.
    public func context(type: String) -> JobContext {
        var facts = facts
        facts.type = type
        return JobContext(facts, logger: logger, runtime: runtime)
    }

    /// Asks the handler to stop.
    ///
    /// - Parameter reason: the reason that the handler sees.
    public func stop(_ reason: StopReason) { runtime.stop(reason) }

    /// Makes every later `save` throw this error, as after the loss of the lease.
    ///
    /// - Parameter error: the error.
    public func failSaves(with error: any Error) { runtime.failSaves(with: error) }

    /// All progress that the handler reported, in order.
    public var progress: [JobProgress] { runtime.progress }

    /// The last checkpoint that the handler saved.
    ///
    /// - Parameter type: the type to decode.
    /// - Returns: the checkpoint; `nil` when the handler saved none.
    /// - Throws: `DecodingError`.
    public func checkpoint<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value? {
        try runtime.checkpoint.map { try JSONDecoder().decode(type, from: Data($0)) }
    }
}

/// The runtime of a handler under test.
private final class TestRuntime: JobRuntime {
    private struct State {
        var stop: StopReason?
        var cancel: (@Sendable () -> Void)?
        var progress: [JobProgress] = []
        var checkpoint: [UInt8]?
        var saveError: (any Error)?
    }

    private let state = Mutex(State())

    var stopReason: StopReason? { state.withLock { $0.stop } }
    var progress: [JobProgress] { state.withLock { $0.progress } }
    var checkpoint: [UInt8]? { state.withLock { $0.checkpoint } }

    func report(_ progress: JobProgress) { state.withLock { $0.progress.append(progress) } }

    @concurrent
    func save(checkpoint: [UInt8]) async throws {
        try state.withLock { state in
            if let error = state.saveError { throw error }
            state.checkpoint = checkpoint
        }
    }

    func failSaves(with error: any Error) { state.withLock { $0.saveError = error } }

    func stop(_ reason: StopReason) {
        let cancel = state.withLock { state in
            state.stop = reason
            return state.cancel
        }
        cancel?()
    }

    func attach(_ cancel: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            state.cancel = cancel
            return state.stop != nil
        }
        if isLate { cancel() }
    }
}
