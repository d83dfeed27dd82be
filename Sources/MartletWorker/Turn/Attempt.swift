// One attempt: runs the middleware and the handler for one claimed job and produces its settlement.

import FoundationEssentials
import Logging
import MartletJobs
import MartletQueue
import Tracing

/// An attempt to run a claimed job.
///
/// It costs one task, one context and one settlement beyond the handler itself.
struct Attempt: Sendable {
    let job: ClaimedJob
    let entry: HandlerEntry
    /// Whether the attempt runs in a separate process.
    let isIsolated: Bool
    /// How long an isolated process may take to exit after a stop.
    let grace: Duration
    let running: RunningJob
    let queue: QueueName
    /// The worker's id.
    let worker: String
    let middleware: [any WorkerMiddleware]
    let logger: Logger
    let metrics: JobMetrics?
    var tracing: WorkerTracing?

    /// Runs the handler to its end.
    @concurrent
    func run() async -> FinishedAttempt {
        // The process may have been suspended since the claim, and another worker may run the job. An attempt that is
        // already asked to stop is not started; one that has timed out fails.
        if let stop = running.stopReason, stop != .timeout {
            logger.info(
                "attempt not started, stop requested",
                metadata: running.labels.merging(["reason": "\(stop.rawValue)"]) { $1 })
            return unstarted()
        }
        let span = tracing?.process(job, from: queue, worker: worker)
        let start = ContinuousClock.now
        let result: Result<[UInt8]?, any Error>
        do {
            if let span {
                let output = try await ServiceContext.$current.withValue(span.context) { try await handle(context) }
                result = .success(output)
            } else {
                result = .success(try await handle(context))
            }
        } catch { result = .failure(error) }
        let took = ContinuousClock.now - start
        metrics?.ran(for: took)
        let rest = running.end()
        let rule = OutcomeRule(job: job, stop: rest.stop, hasTimedOut: rest.hasTimedOut)
        var ended = FinishedAttempt(job, rule.outcome(of: result), progress: rest.progress)
        // Only failures say who had the job.
        if case .failure = result { ended.settlement.worker = worker }
        ended.metrics = metrics
        ended.knowsLoss = rest.knowsLoss
        ended.took = took
        if let tracing, let span {
            ended.span = span.context
            tracing.end(span, ended.settlement.outcome, result, timedOut: rest.hasTimedOut)
        }
        return ended
    }

    /// Finishes the attempt without running the handler; the job is released unchanged.
    func unstarted() -> FinishedAttempt {
        var ended = FinishedAttempt(job, .released(after: nil))
        ended.metrics = metrics
        ended.knowsLoss = running.end().knowsLoss
        return ended
    }

    private var context: JobContext {
        let facts = JobAttempt(
            id: job.id, type: job.type, queue: queue.description, token: job.token, claims: job.claims,
            attempt: job.failures + 1, maxRetries: job.maxRetries, priority: job.priority,
            enqueuedAt: job.createdAt ?? Date(), deadline: running.deadline, checkpoint: job.checkpoint,
            tags: job.tags, metadata: job.metadata, trace: job.trace)
        return JobContext(facts, labelling: handlerLogger, runtime: running)
    }

    /// The logger of the handler; without a tracer, which adds the trace of a line itself, it names the trace of the push.
    private var handlerLogger: Logger {
        guard tracing == nil, let trace = job.trace else { return logger }
        var logger = logger
        logger[metadataKey: "trace_id"] = "\(trace.traceID)"
        return logger
    }

    private func handle(_ context: JobContext) async throws -> [UInt8]? {
        guard !isIsolated else {
            return try await IsolatedRun(
                payload: job.payload, facts: context.facts, worker: worker, running: running, grace: grace,
                span: tracing?.carried
            ).run()
        }
        return try await middleware.run(entry, job.payload, context)
    }
}
