// `martlet errors`: groups of errors, and verbs on the jobs of one.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import Testing

@testable import MartletCLI

@Suite(.serialized) struct ErrorsCommandTests {
    @Test func `groups are listed, and the failed jobs of one are retried or deleted`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            try await stack.serve()
            let queue = stack.store.queue(.default)
            for error in ["order 1 failed", "order 2 failed", "no room"] {
                _ = try await queue.enqueue(NewJob(type: "t", payload: Array("{}".utf8), maxRetries: 0))
                let number = Int(Date().timeIntervalSince1970 * 1_000_000)
                let jobs = try await queue.claim(ClaimRequest(worker: "w", number: number, upTo: 1)).jobs
                let ends = jobs.map { job in
                    Settlement(id: job.id, token: job.token, outcome: .failedForGood(error: error), worker: "w")
                }
                _ = try await queue.settle(ends)
            }
            let print = ErrorFingerprint.of("order 7 failed")
            let all = try await stack.martlet("errors", "-o", "json")
            #expect(all.status == 0, "\(all.errors)")
            #expect((all.json.array ?? []).compactMap { $0["total"].int }.sorted() == [1, 2])
            let table = try await stack.martlet("errors", "list", "--queue", "default")
            #expect(table.output.contains(print) && table.output.contains("24 h") && !table.output.contains("{"))
            let none = try await stack.martlet("errors", "--type", "u", "-o", "json")
            #expect(none.json.array?.isEmpty == true)
            let dry = try await stack.martlet("errors", "retry", print, "--dry-run", "-o", "json")
            #expect(dry.status == 0 && dry.json["matched"].int == 2, "\(dry.errors)")
            let silent = try await stack.martlet("errors", "retry", print)
            #expect(silent.status == 64 && silent.errors.contains("--yes"))
            let wrong = try await stack.martlet("errors", "retry", "zzz", "--yes")
            #expect(wrong.status == 64, "\(wrong.errors)")
            let retried = try await stack.martlet("errors", "retry", print, "--yes", "-o", "json")
            #expect(retried.status == 0 && retried.json["changed"].int == 2, "\(retried.errors)")
            #expect(try await queue.status()?.jobs[.queued] == 2)
            let other = ErrorFingerprint.of("no room")
            let line = ["errors", "delete", other, "--yes", "--queue", "default", "--type", "t", "-o", "json"]
            let deleted = try await stack.martlet(line)
            #expect(deleted.status == 0 && deleted.json["changed"].int == 1, "\(deleted.errors)")
            #expect(try await queue.status()?.jobs[.failed] == 0)
        }
    }
}
