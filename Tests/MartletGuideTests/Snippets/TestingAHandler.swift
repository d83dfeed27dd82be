// What the guide WritingAHandler shows of tests.

import Martlet
import MartletTesting
import Testing

struct ImportHandler: JobHandler {
    func run(_ job: Import, context: JobContext) async throws -> Empty {
        var next: Int = try context.checkpoint() ?? 0
        while next < job.rows {
            try context.checkStop()
            next += 100
            context.progress(Int64(next), of: Int64(job.rows))
            try await context.save(next)
        }
        return Empty()
    }
}

@Test func `an import resumes from its checkpoint, and stops on request`() async throws {
    let run = try TestRun(attempt: 2, checkpoint: 100)
    try await run.perform(ImportHandler(), Import(rows: 300))
    #expect(try run.checkpoint() == 300)
    #expect(run.progress.last == JobProgress(completed: 300, total: 300))

    let stopped = try TestRun()
    stopped.stop(.shutdown)
    await #expect(throws: CancellationError.self) { try await stopped.perform(ImportHandler(), Import(rows: 300)) }
}
