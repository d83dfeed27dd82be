// Sweeps all queues, so that jobs fall due and lost jobs are requeued even while no worker runs.

import Logging
import MartletQueue
import ServiceLifecycle

/// Sweeps all queues, so that jobs fall due and dead workers' jobs are requeued even while no worker runs.
struct SweepLoop: Sendable {
    let store: JobStore
    let logger: Logger
    var interval = Duration.seconds(1)

    /// Sweeps until the service group shuts down or the task is cancelled.
    func run() async {
        await cancelWhenGracefulShutdown {
            var failing: Set<QueueName> = []
            while !Task.isCancelled {
                do throws(QueueError) {
                    // Queues that another process has just swept are skipped.
                    for name in try await store.queuesToSweep(unsweptFor: interval * 0.7) where !Task.isCancelled {
                        let isKnown = failing.contains(name)
                        let succeeded = await sweepAlone(store.queue(name), level: isKnown ? .debug : .warning)
                        if succeeded { failing.remove(name) } else { failing.insert(name) }
                    }
                } catch {
                    logger.debug("sweep failed, will retry", error: error)
                }
                try? await Task.sleep(for: interval * Double.random(in: 0.7...1.3))
            }
        }
    }

    /// Sweeps one queue; its failure is logged and does not affect others.
    private func sweepAlone(_ queue: Queue, level: Logger.Level) async -> Bool {
        do {
            try await sweep(queue)
            return true
        } catch {
            let kind = (error as? QueueError)?.kind
            let isOutage = kind == .notExecuted(.unavailable) || kind == .unknown
            logger.log(
                level: isOutage ? .debug : level, "sweep failed, will retry",
                metadata: ["queue": "\(queue.name)", "error": "\(error)"])
            return false
        }
    }

    /// Sweeps until no work is left, up to a limit.
    private func sweep(_ queue: Queue) async throws {
        for _ in 0..<50 {
            let report = try await queue.sweep()
            for (id, state) in report.takenBack {
                logger.warning(
                    "job requeued, worker lost",
                    metadata: ["job_id": "\(id)", "queue": "\(queue.name)", "state": "\(state)"])
            }
            if !report.more { return }
        }
    }
}
