// The environment's settings while a server runs: again for a new queue, and one log entry for each trouble.

import Logging
import MartletJobs
import TestSupport
import Testing

@testable import MartletMaintenance
@testable import MartletQueue

@Suite struct SettingsLoopTests {
    @Test func `the settings are applied again when the keys are lost and another process pushed`() async throws {
        try await withStore { harness in
            let change = QueueSettingsChange(limit: 2)
            let lines = LogLines(.notice)
            let queue = harness.store.queue(.downloads)
            let service = SettingsLoop(store: harness.store, settings: [.downloads: change], logger: lines.logger)
            try await queue.create()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await service.run() }
                // At once, so that the loop finds them all gone or none.
                let meta = harness.key("meta", queue: "downloads")
                try await harness.command("HDEL", meta, "limit", "limit_env", "plan")
                try await eventually("the limit holds again") { try await queue.status()?.settings.limit == 2 }
                try await eventually("it is logged") { lines.all.contains { $0.contains("new queue") } }
                group.cancelAll()
            }
        }
    }

    @Test func `a problem is logged once, another one again`() {
        let lines = LogLines(.warning)
        var trouble = TroubleLog(logger: lines.logger)
        let full = QueueError(.notExecuted(.full), message: "Redis is full")
        let away = QueueError(.notExecuted(.readOnly), message: "Redis is a replica")
        for error in [full, full, away, away, full] { trouble.note("settings not applied", of: .downloads, error) }
        #expect(lines.all.count == 3, "\(lines.all)")
        #expect(lines.all.first?.contains("full") == true)
    }
}
