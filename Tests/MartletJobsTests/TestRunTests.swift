// What tests of handlers are given in place of a worker.

import Foundation
import MartletJobs
import MartletTesting
import Testing

private struct Count: Job {
    typealias Output = Int
    static let name = "count"
    var to: Int
}

private struct Counter: JobHandler {
    func run(_ job: Count, context: JobContext) async throws -> Int {
        var next: Int = try context.checkpoint() ?? 0
        while next < job.to {
            try context.checkStop()
            next += 1
            context.progress(Int64(next), of: Int64(job.to))
            try await context.save(next)
        }
        if job.to < 0 { try await Task.sleep(for: .seconds(3600)) }
        return next
    }
}

@Suite struct TestRunTests {
    @Test func `a handler runs without a queue, and its progress and checkpoints are recorded`() async throws {
        let run = try TestRun(attempt: 2, tags: ["vip"], metadata: ["customer": "4711"], checkpoint: 3)
        #expect(try await run.perform(Counter(), Count(to: 5)) == 5)
        #expect(run.progress == [JobProgress(completed: 4, total: 5), JobProgress(completed: 5, total: 5)])
        #expect(try run.checkpoint() == 5)
        let context = run.context(type: "count")
        #expect(context.attempt == 2 && context.claims == 2 && context.type == "count" && context.queue == "default")
        #expect(context.tags == ["vip"])
        #expect(try context.metadata?.decode(as: [String: String].self) == ["customer": "4711"])
    }

    @Test func `a stop is seen by the handler and cancels it, before and while it runs`() async throws {
        let before = try TestRun()
        before.stop(.cancel)
        await #expect(throws: CancellationError.self) { try await before.perform(Counter(), Count(to: 5)) }
        let during = try TestRun()
        let end = Task { try await during.perform(Counter(), Count(to: -1)) }
        during.stop(.shutdown)
        await #expect(throws: CancellationError.self) { try await end.value }
        #expect(during.context(type: "count").stopReason == .shutdown)
    }

    @Test func `saves fail when the test says so`() async throws {
        struct Lost: Error {}
        let run = try TestRun()
        run.failSaves(with: Lost())
        await #expect(throws: Lost.self) { try await run.perform(Counter(), Count(to: 1)) }
        #expect(try run.checkpoint(as: Int.self) == nil)
    }
}
