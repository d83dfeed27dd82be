// The housekeeping of a worker's queues. Any number of processes does it at once; none is in charge.

import Logging
import MartletQueue
import Synchronization

/// Sweeps all queues of a worker, again and again.
final class Sweeper: Sendable {
    /// How many sweeps of one queue follow each other at most when there is more to do.
    private static let burst = 20
    /// How many rounds pass between repairs of the global pause.
    private static let repairRounds = 30

    private let crew: Crew
    private let store: JobStore
    private let pulse: Pulse
    private let isClosed = Atomic(false)

    init(_ crew: Crew, store: JobStore) {
        self.crew = crew
        self.store = store
        pulse = Pulse(on: crew.thread)
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
            let pause = crew.configuration.sweepInterval * Double.random(in: 0.7...1.3)
            await pulse.wait(until: .now + pause)
        }
    }

    func close() {
        isClosed.store(true, ordering: .relaxed)
        pulse.fire()
    }

    /// Those of the worker's queues that no other process swept just now; all of them when Redis does not say.
    private func queuesToSweep() async -> [QueueName] {
        let names = crew.queues.map(\.name)
        let due = try? await store.queuesToSweep(among: names, unsweptFor: crew.configuration.sweepInterval * 0.6)
        return due ?? names
    }

    private func sweep(_ queue: Queue) async {
        do throws(QueueError) {
            for _ in 0..<Self.burst where !isClosed.load(ordering: .relaxed) {
                let report = try await queue.sweep()
                for (id, state) in report.takenBack {
                    crew.logger.warning(
                        "Took a job back whose worker went silent",
                        metadata: ["job_id": "\(id)", "queue": "\(queue.name)", "state": "\(state)"])
                }
                if !report.more { return }
            }
        } catch {
            crew.logger.debug("A sweep failed", metadata: ["queue": "\(queue.name)", "error": "\(error)"])
        }
    }

    private func repairGlobalPause() async {
        do throws(QueueError) { try await store.repairGlobalPause() } catch {
            crew.logger.debug("The global pause could not be checked", metadata: ["error": "\(error)"])
        }
    }
}
