// Middleware around every handler of a worker.

public import MartletJobs
import Synchronization

/// Wraps every attempt that a worker runs: for tracing, limits, clean-up.
///
/// The first middleware in the worker's list is the outermost. It sees errors that the handler throws and may throw
/// others. If it returns without calling `next`, the handler does not run and the job completes without output.
///
/// ```swift
/// struct Traced: WorkerMiddleware {
///     func around(_ context: JobContext, next: @concurrent @Sendable () async throws -> Void) async throws {
///         let start = ContinuousClock.now
///         defer { context.logger.info("attempt took \(ContinuousClock.now - start)") }
///         try await next()
///     }
/// }
/// ```
public protocol WorkerMiddleware: Sendable {
    /// Runs around one attempt.
    ///
    /// - Parameters:
    ///   - context: the attempt's context.
    ///   - next: runs the next middleware or the handler; call it at most once.
    /// - Throws: an error to fail the attempt; usually what `next` threw.
    @concurrent
    func around(_ context: JobContext, next: @concurrent @Sendable () async throws -> Void) async throws
}

extension [any WorkerMiddleware] {
    /// Runs a handler inside all middleware, the first outermost; the output bypasses the middleware.
    @concurrent
    func run(_ entry: HandlerEntry, _ payload: [UInt8], _ context: JobContext) async throws -> [UInt8]? {
        guard !isEmpty else { return try await entry.run(payload, context) }
        let output = Output()
        var next: @concurrent @Sendable () async throws -> Void = {
            let bytes = try await entry.run(payload, context)
            output.bytes.withLock { $0 = bytes }
        }
        for layer in reversed() {
            let inner = next
            next = { try await layer.around(context, next: inner) }
        }
        try await next()
        return output.bytes.withLock { $0 }
    }
}

/// Carries the handler's output past the middleware.
private final class Output: Sendable {
    let bytes = Mutex<[UInt8]?>(nil)
}
