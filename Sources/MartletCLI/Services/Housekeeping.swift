// What a server does besides answering: applies the environment's limits, and sweeps the queues.

import FoundationEssentials
import Logging
import MartletChecks
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
            logger.warning("Redis is away; settings wait for it", error: error)
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
            while !Task.isCancelled {
                do {
                    for name in try await store.queueNames() { try await sweep(store.queue(name)) }
                } catch {
                    logger.debug("No sweep", error: error)
                }
                try? await Task.sleep(for: interval * Double.random(in: 0.7...1.3))
            }
        }
    }

    /// Sweeps until nothing is left to do, within reason.
    private func sweep(_ queue: Queue) async throws {
        for _ in 0..<50 {
            let report = try await queue.sweep()
            for (id, state) in report.takenBack {
                logger.warning(
                    "A worker was lost; its job goes on",
                    metadata: ["job_id": "\(id)", "queue": "\(queue.name)", "state": "\(state)"])
            }
            if !report.more { return }
        }
    }
}
