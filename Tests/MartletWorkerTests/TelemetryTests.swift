// What a worker tells operators: metrics by type and outcome, log lines with the job's metadata, housekeeping it did.

import CoreMetrics
import Foundation
import Logging
import Martlet
import MartletTelemetry
import TestSupport
import Testing

@Suite struct TelemetryTests {
    @Test func `attempts are counted by queue, type and outcome, with their waits and runs`() async throws {
        let registry = PrometheusRegistry()
        try await withStore { harness in
            let worker = worker(harness, slots: 3) {
                On(Note.self) { job, _ in
                    switch job.number {
                    case 0: return
                    case 1: throw JobOutcome.retry(after: .seconds(60), reason: "later")
                    case 2: throw JobOutcome.discard(reason: "no")
                    case 3: throw JobOutcome.snooze(.seconds(60))
                    default: throw JobOutcome.release(after: .seconds(60))
                    }
                }
            }
            let run = Task { try await withMetricsFactory(registry) { try await worker.run() } }
            try await harness.queue().enqueue(contentsOf: (0..<5).map { Note(number: $0) })
            _ = try await harness.queue().enqueue(NewJob(type: "from elsewhere", payload: []))
            func counted(_ type: String, _ outcome: String) -> Bool {
                let labels = "outcome=\"\(outcome)\",queue=\"q\",type=\"\(type)\""
                return registry.render().contains("martlet_jobs_finished_total{\(labels)} 1\n")
            }
            let expected = ["completed", "retried", "failed", "snoozed", "released"]
            try await eventually("all outcomes are counted") {
                expected.allSatisfy { counted("note", $0) } && counted("unknown", "released")
            }
            let text = registry.render()
            #expect(text.contains("martlet_job_run_seconds_count{queue=\"q\",type=\"note\"} 5\n"))
            #expect(text.contains("martlet_job_wait_seconds_count{queue=\"q\",type=\"note\"} 5\n"))
            try await eventually("the slots are measured") {
                registry.render().contains("martlet_worker_slots{state=\"free\"} ")
            }
            #expect(!text.contains("from elsewhere"), "types from outside are no labels")
            run.cancel()
            try await run.value
            #expect(registry.render().contains("martlet_worker_slots{state=\"busy\"} 0\n"))
        }
    }

    @Test func `the history of a queue has the times of a worker's jobs, by type`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            try await running(
                worker(harness, slots: 2) {
                    On(Note.self) { _, _ in try await Task.sleep(for: .milliseconds(20)) }
                    On(Square.self) { _, _ in 1 }
                }
            ) {
                let notes = try await queue.enqueue(contentsOf: (0..<5).map { Note(number: $0) })
                try await queue.enqueue(contentsOf: (0..<3).map { Square(side: $0) })
                for note in notes { try await harness.waitFor(note.id, .completed) }
                func runs(_ type: String?) async throws -> [QueueHistory.Times] {
                    try await queue.history(type: type)?.points.compactMap(\.run) ?? []
                }
                try await eventually(within: .seconds(60), "the step with the last run is over") {
                    try await runs(nil).reduce(0) { $0 + $1.count } == 8
                }
                #expect(try await runs(Square.name).reduce(0) { $0 + $1.count } == 3)
                let slow = try await runs(Note.name)
                #expect(slow.reduce(0) { $0 + $1.count } == 5 && slow.allSatisfy { $0.median >= .milliseconds(19) })
                let waits = try await queue.history()?.points.compactMap(\.wait) ?? []
                #expect(waits.reduce(0) { $0 + $1.count } == 8)
            }
        }
    }

    @Test func `log lines carry the job's metadata, and never its payload`() async throws {
        let lines = RunLog()
        let logger = lines.logger(.trace)
        // So long that no id contains it by chance.
        let secret = 471_104_711_047
        try await withStore { harness in
            try await running(
                worker(harness, logger: logger) {
                    On(Square.self) { job, context in
                        context.logger.info("inside")
                        guard job.side != secret else { throw JobOutcome.discard(reason: "odd") }
                        return 1
                    }
                }
            ) {
                let id = try await harness.queue().enqueue(Square(side: secret)).id
                try await harness.waitFor(id, .failed)
                try await eventually("the end is logged") { lines.all.contains { $0.contains("attempt finished") } }
                let inside = try #require(lines.all.first { $0.contains("inside") })
                let fields = try JSONSerialization.jsonObject(with: Data(inside.utf8)) as? [String: Any]
                #expect(fields?["job_id"] as? String == id.description)
                #expect(fields?["queue"] as? String == "q")
                #expect(fields?["type"] as? String == "square")
                #expect(fields?["attempt"] as? Int == 1)
                #expect((fields?["worker_id"] as? String)?.hasPrefix("w-") == true)
                let end = try #require(lines.all.first { $0.contains("attempt finished") })
                #expect(end.contains("odd") && end.contains(id.description))
                let labels = try JSONSerialization.jsonObject(with: Data(end.utf8)) as? [String: Any]
                #expect(labels?["type"] as? String == "square" && labels?["queue"] as? String == "q")
                #expect(labels?["attempt"] as? Int == 1)
                #expect((labels?["worker_id"] as? String)?.hasPrefix("w-") == true)
            }
            #expect(!lines.all.contains { $0.contains("\(secret)") })
        }
    }

    @Test func `a worker completes an interrupted pause of all queues, and removes expired jobs`() async throws {
        try await withStore { harness in
            var configuration = WorkerConfiguration.quick
            configuration.sweepInterval = .milliseconds(4)
            try await harness.queue().create()
            try await harness.queue().configure(
                QueueSettingsChange(completed: Retention(age: .milliseconds(30), count: 100)))
            try await harness.command("HSET", "\(harness.prefix):global", "paused", "1", "version", "7")
            let ref = try await harness.queue().enqueue(Note())
            try await running(worker(harness, configuration) { On(Note.self) { _, _ in } }) {
                // As if whoever paused all had died before it reached this queue.
                try await eventually("the queue knows") { try await harness.queue().status()?.pausedAll != nil }
                try await harness.store.resumeAll()
                try await eventually("it ran and was forgotten") { try await ref.record() == nil }
                #expect(try await harness.queue().status()?.completedEver == 1)
            }
        }
    }
}
