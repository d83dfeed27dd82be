// What a server does besides answering: applies the environment's limits, and sweeps the queues.

import FoundationEssentials
import Logging
import MartletQueue
import ServiceLifecycle

/// Applies the environment's settings of the queue `downloads` once Redis is there, then rests.
///
/// Fails when a test has moved the clock of a queue: leases and due times would be wrong.
struct SettingsService: Service {
    let store: JobStore
    let change: QueueSettingsChange
    let logger: Logger

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while try await !isApplied() { try? await Task.sleep(for: .seconds(1)) }
            try? await Task.sleep(for: .seconds(1 << 30))
        }
    }

    /// Does it; false when Redis is away, or when this process ends.
    private func isApplied() async throws -> Bool {
        if Task.isCancelled { return true }
        do {
            try await refuseMovedClocks()
            try await store.queue(.downloads).applyEnvironment(change)
            try await store.repairGlobalPause()
            return true
        } catch let error as QueueError {
            if case .refused = error.kind { throw CommandFailure(.configuration, error.message) }
            logger.warning("Redis is away; settings wait for it", error: error)
            return false
        }
    }

    private func refuseMovedClocks() async throws {
        for name in try await store.queueNames() {
            guard let status = try await store.queue(name).status(), status.clockIsMoved else { continue }
            throw CommandFailure(
                .configuration,
                """
                the clock of the queue \(name) was moved by a test, and nothing would run at its time; \
                use another REDIS_PREFIX, or remove the field "offset" from \(store.prefix):{\(name)}:meta
                """)
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
