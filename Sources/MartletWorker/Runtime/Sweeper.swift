// Sweeps a worker's queues. Any number of processes sweep at once; no leader is needed.

import Logging
import MartletQueue
import Synchronization

/// Sweeps all queues of a worker periodically.
final class Sweeper: Sendable {
    /// The most consecutive sweeps of one queue while more work remains.
    private static let burst = 20
    /// The number of rounds between repairs of the global pause.
    private static let repairRounds = 30

    private let context: WorkerContext
    private let store: JobStore
    private let wakeTimer: WakeTimer
    private let isClosed = Atomic(false)

    init(_ context: WorkerContext, store: JobStore) {
        self.context = context
        self.store = store
        wakeTimer = WakeTimer(on: context.thread)
    }

    /// Sweeps until closed.
    func run() async {
        var round = 0
        while !isClosed.load(ordering: .relaxed) {
            round += 1
            for name in await queuesToSweep() where !isClosed.load(ordering: .relaxed) {
                await sweep(store.queue(name))
            }
            if round % Self.repairRounds == 0 { await repairGlobalPause() }
            let pause = context.configuration.sweepInterval * Double.random(in: 0.7...1.3)
            await wakeTimer.wait(until: .now + pause)
        }
    }

    func close() {
        isClosed.store(true, ordering: .relaxed)
        wakeTimer.fire()
    }

    /// The worker's queues that no other process has just swept; all of them when Redis does not answer.
    private func queuesToSweep() async -> [QueueName] {
        let names = context.queues.map(\.name)
        let due = try? await store.queuesToSweep(among: names, unsweptFor: context.configuration.sweepInterval * 0.6)
        return due ?? names
    }

    private func sweep(_ queue: Queue) async {
        do throws(QueueError) {
            for _ in 0..<Self.burst where !isClosed.load(ordering: .relaxed) {
                let report = try await queue.sweep()
                for (id, state) in report.takenBack {
                    context.logger.warning(
                        "job requeued, worker lost",
                        metadata: ["job_id": "\(id)", "queue": "\(queue.name)", "state": "\(state)"])
                }
                if !report.more { return }
            }
        } catch {
            context.logger.debug("sweep failed, will retry", metadata: ["queue": "\(queue.name)", "error": "\(error)"])
        }
    }

    private func repairGlobalPause() async {
        do throws(QueueError) { try await store.repairGlobalPause() } catch {
            context.logger.debug("global pause check failed, will retry", metadata: ["error": "\(error)"])
        }
    }
}
