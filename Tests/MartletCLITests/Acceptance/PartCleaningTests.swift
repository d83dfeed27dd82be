// Which jobs keep their part files: those that have not ended, in whichever queue.

import MartletJobs
import MartletQueue
import TestSupport
import Testing

@testable import MartletCLI

@Suite struct PartCleaningTests {
    @Test func `a part is live while its job has not ended in any queue`() async throws {
        try await withStore { harness in
            let (downloads, other) = (harness.queue("downloads"), harness.queue("other"))
            let jobs = (0..<4).map { _ in NewJob(type: "download", payload: Array("{}".utf8)) }
            _ = try await downloads.enqueue(Array(jobs[0...1]))
            // The last one has the id of a job that was cancelled in the other queue.
            _ = try await other.enqueue([jobs[2], jobs[1]])
            _ = try await downloads.control(.cancel, jobs[1].id)
            let ids = jobs.map(\.id)
            #expect(try await PartCleaningService.live(ids, in: harness.store) == Set(ids[0...2]))
            _ = try await other.control(.cancel, [jobs[1].id, jobs[2].id])
            #expect(try await PartCleaningService.live(ids, in: harness.store) == [ids[0]])
        }
    }
}
