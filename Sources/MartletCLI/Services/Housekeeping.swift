// What a server does besides answering: applies the environment's limits, and sweeps the queues.

import FoundationEssentials
import Logging
import MartletChecks
import MartletCommandSupport
import MartletQueue
import ServiceLifecycle

/// Applies the environment's settings of the queue `downloads` once Redis is there, then rests.
///
/// Before that it makes sure that Redis is fit, and looks again every minute.
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

    /// Does it; false when Redis is away, or when this process ends.
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

/// Sweeps all queues, so that jobs fall due and dead workers' jobs come back also while no worker runs.
struct SweepService: Service {
    let store: JobStore
    let logger: Logger
    var interval = Duration.seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var failing: Set<QueueName> = []
            while !Task.isCancelled {
                do throws(QueueError) {
                    // What a worker or another server swept just now has no need of this process.
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

    /// Sweeps one queue; its failure is logged and keeps no other queue from its sweep.
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

    /// Sweeps until nothing is left to do, within reason.
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
