// What stands around every handler of a worker.

public import MartletJobs

/// Wraps every attempt that a worker runs: for traces, limits, clean-up.
///
/// The first in the worker's list is the outermost. It sees what the handler throws and may throw something else;
/// without a call of `next` the handler does not run, and returning then completes the job without a result.
public protocol WorkerMiddleware: Sendable {
    /// Runs `next`, which runs the handler or the middleware closer to it, at most once.
    @concurrent
    func around(_ context: JobContext, next: @concurrent @Sendable () async throws -> Void) async throws
}
