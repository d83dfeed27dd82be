// A server's maintenance: applies the environment's limits and sweeps the queues.

import FoundationEssentials
import Logging
import MartletChecks
import MartletCommandSupport
import MartletQueue
import ServiceLifecycle

/// Applies the environment's settings of the queue `downloads` once Redis is available.
///
/// It first checks Redis, and repeats the checks every minute.
struct SettingsService: Service {
    let store: JobStore
    let gate: StartGate
    let change: QueueSettingsChange
    let logger: Logger

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await gate.pass()
            while try await !isApplied() { try? await Task.sleep(for: .seconds(1)) }
            await gate.watch()
        }
    }

    /// Applies the settings; false when Redis is unavailable or the process is stopping.
    private func isApplied() async throws -> Bool {
        if Task.isCancelled { return true }
        do {
            try await store.queue(.downloads).applyEnvironment(change)
            try await store.repairGlobalPause()
            return true
        } catch {
            if case .refused = error.kind { throw CommandFailure(.configuration, error.message) }
            logger.warning("Redis unavailable, settings will be applied later", error: error)
            return false
        }
    }
}

/// Sweeps all queues, so that delayed jobs become due and jobs of dead workers are requeued even without a worker.
struct SweepService: Service {
    let store: JobStore
    let logger: Logger
    var interval = Duration.seconds(1)

    func run() async throws {
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
