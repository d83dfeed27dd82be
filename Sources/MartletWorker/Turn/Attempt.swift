// One attempt: the middleware and the handler around one claimed job, and the one settlement that follows.

import FoundationEssentials
import Logging
import MartletJobs
import MartletQueue

/// A claimed job on its way through its handler.
///
/// Its cost beyond the handler's own: one task, one context, one settlement.
struct Attempt: Sendable {
    let job: ClaimedJob
    let entry: HandlerEntry
    /// Whether it runs in a process of its own.
    let isIsolated: Bool
    /// How long such a process may take to end once the job must stop.
    let grace: Duration
    let running: RunningJob
    let queue: QueueName
    /// The id of the worker.
    let worker: String
    let middleware: [any WorkerMiddleware]
    let logger: Logger
    let meters: JobMeters?

    /// Runs the handler to its end, whatever happens meanwhile.
    @concurrent
    func run() async -> Ended {
        // Between the claim and here the process may have been frozen, and another worker may run the job by now. Nor is
        // one begun that was to stop before it began; only a job whose time is over fails for that.
        if let stop = running.stopReason, stop != .timeout {
            logger.info(
                "A job was not started, since it was to stop before",
                metadata: running.labels.merging(["reason": "\(stop.rawValue)"]) { $1 })
            return unstarted()
        }
        let start = ContinuousClock.now
        let result: Result<[UInt8]?, any Error>
        do { result = .success(try await handle(context)) } catch { result = .failure(error) }
        let took = ContinuousClock.now - start
        meters?.ran(for: took)
        let rest = running.end()
        let rule = OutcomeRule(job: job, stop: rest.stop, hasTimedOut: rest.hasTimedOut)
        var ended = Ended(job, rule.outcome(of: result), progress: rest.progress)
        ended.meters = meters
        ended.knowsLoss = rest.knowsLoss
        ended.took = took
        return ended
    }

    /// The attempt ends without its handler: the job is given back as it was.
    func unstarted() -> Ended {
        var ended = Ended(job, .released(after: nil))
        ended.meters = meters
        ended.knowsLoss = running.end().knowsLoss
        return ended
    }

    private var context: JobContext {
        let facts = JobAttempt(
            id: job.id, type: job.type, queue: queue.description, token: job.token, claims: job.claims,
            attempt: job.failures + 1, maxRetries: job.maxRetries, priority: job.priority,
            enqueuedAt: job.createdAt ?? Date(), deadline: running.deadline, checkpoint: job.checkpoint,
            tags: job.tags, metadata: job.metadata)
        return JobContext(facts, labelling: logger, runtime: running)
    }

    private func handle(_ context: JobContext) async throws -> [UInt8]? {
        guard !isIsolated else {
            return try await IsolatedRun(
                payload: job.payload, facts: context.facts, worker: worker, running: running, grace: grace
            ).run()
        }
        return try await middleware.run(entry, job.payload, context)
    }
}
