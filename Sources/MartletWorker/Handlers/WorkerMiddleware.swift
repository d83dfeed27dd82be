// What stands around every handler of a worker.

public import MartletJobs
import Synchronization

/// Wraps every attempt that a worker runs: for traces, limits, clean-up.
///
/// The first in the worker's list is the outermost. It sees what the handler throws and may throw something else;
/// without a call of `next` the handler does not run, and returning then completes the job without a result.
public protocol WorkerMiddleware: Sendable {
    /// Runs `next`, which runs the handler or the middleware closer to it, at most once.
    @concurrent
    func around(_ context: JobContext, next: @concurrent @Sendable () async throws -> Void) async throws
}

extension [any WorkerMiddleware] {
    /// Runs a handler with all layers around it, the first outermost; its result is carried past them.
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

/// Carries a handler's result past the middleware.
private final class Output: Sendable {
    let bytes = Mutex<[UInt8]?>(nil)
}
