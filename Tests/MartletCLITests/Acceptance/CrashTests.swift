// Crashes: workers and Redis are killed and frozen for real, and every byte must be right in the end.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import MartletRedis
import TestSupport
import Testing

@testable import MartletCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

private let mebibyte = 1 << 20

/// One large file, that takes twenty seconds.
private func slowContent() -> OriginContent {
    OriginContent(
        files: [OriginFile(name: "large.bin", size: 20 * mebibyte + 7, seed: 7)], bytesPerSecond: mebibyte)
}

/// One large file of which the first requests get 12 MiB and then wait, however late the test acts on them.
private func stallingContent(requests: Int = 1) -> OriginContent {
    OriginContent(
        files: [OriginFile(name: "large.bin", size: 20 * mebibyte + 7, seed: 7)], bytesPerSecond: 6 * mebibyte
    ) { _, number in number <= requests ? .stall(afterBytes: 12 * mebibyte) : .none }
}

extension TestStack {
    /// Waits until the download has come this far and a checkpoint of it is saved that has at least `saved` bytes.
    fileprivate func untilCheckpoint(_ id: String, bytes: Int, saved: Int = 0) async throws {
        try await until("\(bytes) bytes and a checkpoint of \(saved)") {
            let job = try await self.record(id)
            guard let checkpoint = job.checkpoint else { return false }
            let offset = try JSONValue(checkpoint)["offset"].int ?? 0
            return (job.progress?.completed ?? 0) >= Int64(bytes) && offset >= saved
        }
    }
}

@Suite(.serialized) struct CrashTests {
    @Test func `a download continues elsewhere when its worker is killed, and fetches at most one checkpoint again`()
        async throws
    {
        try await TestStack.with(stallingContent()) { stack in
            try await stack.serve()
            let worker = try stack.work()
            let id = try await stack.add("large.bin")
            // Saves run beside the transfer, and the last one before the stall may be on its way for long.
            try await stack.untilCheckpoint(id, bytes: 10 * mebibyte, saved: 3 * mebibyte)
            worker.send(SIGKILL)
            _ = await worker.wait(within: .seconds(30))
            try await stack.endLease(of: id)
            try stack.work()
            try await stack.until(id, is: "completed", within: .seconds(120))
            #expect(try stack.hasRightBytes("large.bin"))
            let servings = stack.origin.servings
            try #require(servings.count == 2)
            #expect(servings[1].status == 206)
            let again = servings[0].from + servings[0].sent - servings[1].from
            #expect(servings[1].from > mebibyte)
            // What one checkpoint interval holds, and what was on its way when the worker died.
            #expect(again <= 8 * mebibyte + 2 * mebibyte, "\(again) bytes were fetched again")
            let job = try await stack.record(id)
            #expect(job.failures == 0, "a dead worker costs no retry")
            #expect(job.claims == 2)
        }
    }

    @Test func `a worker that was stopped beyond its lease is refused and changes nothing`() async throws {
        try await TestStack.with(stallingContent()) { stack in
            try await stack.serve()
            // It really ends, as the stopped worker must see it. Long enough for another worker that stands still.
            try await stack.downloads.configure(QueueSettingsChange(lease: .seconds(15)))
            let zombie = try stack.work()
            let id = try await stack.add("large.bin")
            try await stack.untilCheckpoint(id, bytes: 10 * mebibyte)
            zombie.send(SIGSTOP)
            let heir = try stack.work()
            try await stack.until(id, is: "completed", within: .seconds(120))
            let before = try await stack.record(id)
            let file = try FileFacts(stack.filesDirectory + "/large.bin")
            zombie.send(SIGCONT)
            try await stack.until("the stopped worker has noticed") {
                try await stack.downloads.workers().count { report in
                    let says = try JSONValue.parse(report.info, source: "worker")
                    return says["busy"].int == 0 && report.sinceHeartbeat < .seconds(10)
                } == 2
            }
            let after = try await stack.record(id)
            #expect(after.state == .completed)
            #expect(after.claims == before.claims && after.failures == 0 && after.output == before.output)
            #expect(after.finishedAt == before.finishedAt)
            #expect(try FileFacts(stack.filesDirectory + "/large.bin") == file)
            #expect(try stack.hasRightBytes("large.bin"))
            #expect(try await stack.downloads.status()?.completedEver == 1)
            #expect(zombie.status == nil && heir.status == nil, "both workers live on")
        }
    }

    @Test func `a worker that was stopped for most of its lease continues, and nothing is charged or fetched again`()
        async throws
    {
        try await TestStack.with(slowContent()) { stack in
            try await stack.serve()
            let worker = try stack.work()
            let id = try await stack.add("large.bin")
            @Sendable func left() async throws -> Double {
                let job = try await stack.record(id)
                return try #require(job.leaseUntil).timeIntervalSince(job.readAt)
            }
            try await stack.untilCheckpoint(id, bytes: mebibyte)
            try await stack.until("a heartbeat has just extended the lease") { try await left() > 27 }
            worker.send(SIGSTOP)
            // 60 % of a lease of 30 s, as Redis' clock has it; sweeps look at the job meanwhile.
            try await stack.until("most of the lease has passed") { try await left() < 12 }
            worker.send(SIGCONT)
            try await stack.until(id, is: "completed", within: .seconds(120))
            let job = try await stack.record(id)
            #expect(job.claims == 1 && job.lost == 0 && job.failures == 0)
            #expect(stack.origin.servings.count == 1)
            #expect(try stack.hasRightBytes("large.bin"))
        }
    }

    @Test func `a worker killed between the rename and the settlement leaves a job that completes without fetching`()
        async throws
    {
        let content = OriginContent(
            files: [OriginFile(name: "small.bin", size: 300_000, seed: 3)], bytesPerSecond: 8 * mebibyte)
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let path = stack.filesDirectory + "/small.bin"
            // The settlement is sent after the rename, so it meets a shut gate.
            let proxy = try await FaultProxy.start(to: stack.redis.socketPath)
            proxy.add(
                FaultRule(Fault(.drop, isSilent: true), times: nil) { FileManager.default.fileExists(atPath: path) })
            let worker = try stack.work(["REDIS_URL": proxy.url])
            let id = try await stack.add("small.bin")
            try await stack.until("the file has its name") { FileManager.default.fileExists(atPath: path) }
            worker.send(SIGKILL)
            _ = await worker.wait(within: .seconds(30))
            #expect(try await stack.record(id).state == .active)
            let (requests, file) = (stack.origin.servings.count, try FileFacts(path))
            try await stack.endLease(of: id)
            try stack.work()
            try await stack.until(id, is: "completed", within: .seconds(120))
            #expect(stack.origin.servings.count == requests, "nothing was fetched again")
            #expect(try FileFacts(path) == file)
            #expect(try stack.hasRightBytes("small.bin"))
            await proxy.stop()
        }
    }

    @Test func `a cancelled job is never started again, whatever happens to its worker`()
        async throws
    {
        try await TestStack.with(stallingContent(requests: 2)) { stack in
            try await stack.serve()
            let worker = try stack.work()
            let id = try await stack.add("large.bin")
            try await stack.until(id, is: "downloading")
            try await stack.until("bytes arrive") { !stack.origin.servings.isEmpty }
            worker.send(SIGSTOP)
            _ = try await stack.post("/api/downloads/\(id)/cancel")
            worker.send(SIGKILL)
            _ = await worker.wait(within: .seconds(30))
            try await stack.endLease(of: id)
            try stack.work()
            try await stack.until(id, is: "cancelled", within: .seconds(120))
            let claims = try await stack.record(id).claims
            // Another job passes through the same worker meanwhile.
            let other = try await stack.add("large.bin")
            try await stack.until(other, is: "downloading")
            #expect(try await stack.record(id).claims == claims)
            #expect(claims == 1)
            #expect(try await stack.status(id) == "cancelled")
            _ = try await stack.post("/api/downloads/\(other)/cancel")
            try await stack.until(other, is: "cancelled")
        }
    }
}

/// What tells whether a file was touched.
private struct FileFacts: Equatable {
    private var facts: [Int]

    init(_ path: String) throws {
        var found = stat()
        guard stat(path, &found) == 0 else { throw CommandFailure(.notFound, "there is no \(path)") }
        facts = [Int(found.st_ino), Int(found.st_size), Int(found.st_mtim.tv_sec), Int(found.st_mtim.tv_nsec)]
    }
}
