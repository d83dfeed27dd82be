// One attempt of a job in a test of its handler: no Redis, no queue, no worker.

import FoundationEssentials
public import Logging
public import MartletJobs
import Synchronization

/// An attempt as a handler meets it, with all that the handler said kept for the test.
///
/// ```swift
/// let run = TestRun(attempt: 2, checkpoint: 100)
/// try await run.perform(ImportHandler(), Import(rows: 300))
/// #expect(try run.checkpoint() == 300)
/// ```
public final class TestRun: Sendable {
    private let facts: JobAttempt
    private let logger: Logger
    private let runtime = TestRuntime()

    /// An attempt with these facts.
    ///
    /// - Parameters:
    ///   - attempt: which attempt it is, from 1.
    ///   - maxRetries: how many retries the job has.
    ///   - claims: how often the job was claimed, this time included.
    ///   - queue: the queue's name.
    ///   - id: the job's id.
    ///   - tags: what the push attached.
    ///   - metadata: the JSON object that the push attached.
    ///   - checkpoint: what an earlier attempt saved; it is encoded as ``MartletJobs/JobContext/save(_:)`` does.
    ///   - logger: gets the handler's lines; by default they are dropped.
    /// - Throws: what encoding the checkpoint throws.
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

    /// Runs the handler to its end; what it throws is thrown.
    ///
    /// A ``stop(_:)`` cancels it, as a worker would.
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

    /// The context that ``perform(_:_:)`` gives to the handler, for tests of middleware and of single functions.
    public func context(type: String) -> JobContext {
        var facts = facts
        facts.type = type
        return JobContext(facts, logger: logger, runtime: runtime)
    }

    /// Tells the handler to stop for this reason.
    public func stop(_ reason: StopReason) { runtime.stop(reason) }

    /// Makes each further `save` throw this error, as after the loss of the lease.
    public func failSaves(with error: any Error) { runtime.failSaves(with: error) }

    /// All progress that the handler reported, in order.
    public var progress: [JobProgress] { runtime.progress }

    /// The last checkpoint that the handler saved; `nil` when it saved none.
    public func checkpoint<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value? {
        try runtime.checkpoint.map { try JSONDecoder().decode(type, from: Data($0)) }
    }
}

/// What a handler is given in place of a worker.
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
