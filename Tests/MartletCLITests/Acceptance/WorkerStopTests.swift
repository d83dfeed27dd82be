// What a worker process says when it is told to end.

import FoundationEssentials
import MartletCommandSupport
import MartletQueue
import Testing

@testable import MartletCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite struct WorkerStopTests {
    @Test func `after SIGTERM a worker logs how many jobs it released`() async throws {
        // Each would take minutes.
        let files = (0..<2).map { OriginFile(name: "slow\($0).bin", size: 400_000, seed: UInt64($0)) }
        try await TestStack.with(OriginContent(files: files, bytesPerSecond: 2000)) { stack in
            try await stack.serve()
            let worker = try stack.work(["LOG_FORMAT": "json", "WORKER_SHUTDOWN_GRACE_SECONDS": "1"])
            let ids = try await stack.add(files.map(\.name))
            try await stack.until("both run", within: .seconds(60)) {
                try await stack.downloads.status()?.jobs[.active] == 2
            }
            // Active before the worker knows; it counts those that it has begun.
            try await stack.until("bytes of both arrive") { stack.origin.servings.count == 2 }
            worker.send(SIGTERM)
            #expect(await worker.wait(within: .seconds(60)) == 0)
            let lines = TestStack.text("\(stack.directory)/work.log").split(separator: "\n")
            let last = try #require(lines.last { $0.contains("\"released_jobs\"") }, "\(stack.log("work"))")
            #expect(last.contains("\"released_jobs\":2"), "\(last)")
            for id in ids { #expect(try await stack.status(id) == "queued") }
        }
    }
}
