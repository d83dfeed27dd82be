// How a worker does, as its probes see it.

import MartletQueue
import MartletWorker
import TestSupport
import Testing

@Suite struct WorkerHealthTests {
    @Test func `a worker is claiming from start to stop, and its loops run while it is idle`() async throws {
        try await withStore { harness in
            let health = WorkerHealth()
            var configuration = WorkerConfiguration.quick
            // So long that only the look at its health makes an idle loop go round.
            configuration.pollInterval = .seconds(600)
            configuration.health = health
            #expect(health.obstacle == .notStarted && health.isAlive())
            try await running(worker(harness, configuration) { On(Note.self) { _, _ in } }) {
                try await eventually("it claims") { health.obstacle == nil }
                for round in 0..<3 {
                    try await eventually("round \(round) is over") { !health.isAlive(within: .milliseconds(300)) }
                    try await eventually("another one follows") { health.isAlive(within: .milliseconds(300)) }
                }
            }
            #expect(health.obstacle == .stopping && health.isAlive(within: .zero))
        }
    }
}
