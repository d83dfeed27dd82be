// The server's sweep: each queue by itself.

import Logging
import MartletJobs
import MartletQueue
import MartletRedis
import TestSupport
import Testing

@testable import MartletMaintenance

@Suite struct SweepLoopTests {
    @Test func `a queue that fails is logged once, and the others are swept`() async throws {
        try await withStore { harness in
            let lines = LogLines(.warning)
            let service = SweepLoop(store: harness.store, logger: lines.logger, interval: .milliseconds(20))
            try await harness.queue("a").create()
            try await harness.command("DEL", harness.key("meta", queue: "a"))
            try await harness.command("SET", harness.key("meta", queue: "a"), "no hash")
            let job = NewJob(type: "test", payload: [1], delay: .milliseconds(50))
            _ = try await harness.queue("b").enqueue(job)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await service.run() }
                try await eventually("the job of the queue behind it falls due") {
                    try await harness.queue("b").job(job.id)?.state == .queued
                }
                try await eventually("the queue is named") { !lines.all.isEmpty }
                try await Self.waitForSweeps(of: harness.queue("b"), harness)
                group.cancelAll()
            }
            #expect(lines.all.count == 1, "\(lines.all)")
            #expect(lines.all.first?.contains("queue=a") == true)
            try await harness.command("DEL", harness.key("meta", queue: "a"))
        }
    }

    /// Until the queue was swept a few times more.
    private static func waitForSweeps(of queue: Queue, _ harness: QueueHarness) async throws {
        var last: String?
        for _ in 0..<4 {
            try await eventually("another sweep") {
                let swept = try await harness.command("HGET", harness.key("meta", queue: "b"), "swept").string
                defer { last = swept }
                return last != nil && swept != last
            }
        }
    }
}
