// Crashes: workers and Redis are killed and frozen for real, and every byte must be right in the end.

import FoundationEssentials
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

/// One large file that takes a few seconds.
private func slowContent(size: Int = 20 * mebibyte + 7) -> OriginContent {
    OriginContent(
        files: [OriginFile(name: "large.bin", size: size, seed: 7)], bytesPerSecond: 6 * mebibyte)
}

extension House {
    /// A lease shorter than people may set, so that a test need not wait for it.
    fileprivate func shortenLease() async throws {
        try await downloads.configure(QueueSettingsChange(lease: .milliseconds(1200)))
    }

    /// Waits until the download has come this far and a checkpoint of it is saved.
    fileprivate func untilCheckpoint(_ id: String, bytes: Int) async throws {
        try await until("\(bytes) bytes and a checkpoint") {
            let job = try await self.record(id)
            return job.checkpoint != nil && (job.progress?.completed ?? 0) >= Int64(bytes)
        }
    }
}

@Suite(.serialized) struct CrashTests {
    @Test func `a download goes on elsewhere when its worker is killed, and fetches no more than a checkpoint again`()
        async throws
    {
        try await House.with(slowContent()) { house in
            try await house.serve()
            try await house.shortenLease()
            let worker = try house.work()
            let id = try await house.add("large.bin")
            try await house.untilCheckpoint(id, bytes: 10 * mebibyte)
            worker.send(SIGKILL)
            _ = await worker.wait(within: .seconds(5))
            try house.work()
            try await house.until(id, is: "completed")
            #expect(try house.hasRightBytes("large.bin"))
            let servings = house.origin.servings
            try #require(servings.count == 2)
            #expect(servings[1].status == 206)
            let again = servings[0].from + servings[0].sent - servings[1].from
            #expect(servings[1].from > mebibyte)
            // What one checkpoint interval holds, and what was on its way when the worker died.
            #expect(again <= 8 * mebibyte + 2 * mebibyte, "\(again) bytes were fetched again")
            let job = try await house.record(id)
            #expect(job.failures == 0, "a dead worker costs no retry")
            #expect(job.claims == 2)
        }
    }

    @Test func `a worker that was stopped beyond its lease is refused and changes nothing`() async throws {
        try await House.with(slowContent()) { house in
            try await house.serve()
            try await house.shortenLease()
            let zombie = try house.work()
            let id = try await house.add("large.bin")
            try await house.untilCheckpoint(id, bytes: 10 * mebibyte)
            zombie.send(SIGSTOP)
            let heir = try house.work()
            try await house.until(id, is: "completed")
            let before = try await house.record(id)
            let file = try FileFacts(house.filesDirectory + "/large.bin")
            zombie.send(SIGCONT)
            try await house.until("the stopped worker has noticed") {
                try await house.downloads.workers().count { report in
                    let says = try JSON.parse(report.says, source: "worker")
                    return says["busy"].int == 0 && report.silentFor < .seconds(2)
                } == 2
            }
            let after = try await house.record(id)
            #expect(after.state == .completed)
            #expect(after.claims == before.claims && after.failures == 0 && after.output == before.output)
            #expect(after.finishedAt == before.finishedAt)
            #expect(try FileFacts(house.filesDirectory + "/large.bin") == file)
            #expect(try house.hasRightBytes("large.bin"))
            #expect(try await house.downloads.status()?.completedEver == 1)
            #expect(zombie.status == nil && heir.status == nil, "both workers live on")
        }
    }

    /// Row 10.
    @Test func `a worker that was stopped for most of its lease goes on, and nothing is charged nor fetched again`()
        async throws
    {
        try await House.with(slowContent()) { house in
            try await house.serve()
            try await house.downloads.configure(QueueSettingsChange(lease: .seconds(5)))
            let worker = try house.work()
            let id = try await house.add("large.bin")
            @Sendable func left() async throws -> Double {
                let job = try await house.record(id)
                return try #require(job.leaseUntil).timeIntervalSince(job.readAt)
            }
            try await house.untilCheckpoint(id, bytes: mebibyte)
            try await house.until("a beat has just extended the lease") { try await left() > 4.5 }
            worker.send(SIGSTOP)
            // 60 % of a lease, as Redis' clock has it; sweeps look at the job meanwhile.
            try await house.until("most of the lease has passed") { try await left() < 1.5 }
            worker.send(SIGCONT)
            try await house.until(id, is: "completed")
            let job = try await house.record(id)
            #expect(job.claims == 1 && job.lost == 0 && job.failures == 0)
            #expect(house.origin.servings.count == 1)
            #expect(try house.hasRightBytes("large.bin"))
        }
    }

    @Test func `a worker killed between the rename and the settlement leaves a job that completes without fetching`()
        async throws
    {
        let content = OriginContent(
            files: [OriginFile(name: "small.bin", size: 300_000, seed: 3)], bytesPerSecond: 8 * mebibyte)
        try await House.with(content) { house in
            try await house.serve()
            try await house.shortenLease()
            let path = house.filesDirectory + "/small.bin"
            // The settlement is sent after the rename, so it meets a shut gate.
            let proxy = try await FaultProxy.start(to: house.redis.socketPath)
            proxy.add(
                FaultRule(Fault(.drop, isSilent: true), times: nil) { FileManager.default.fileExists(atPath: path) })
            let worker = try house.work(["REDIS_URL": proxy.url])
            let id = try await house.add("small.bin")
            try await house.until("the file has its name") { FileManager.default.fileExists(atPath: path) }
            worker.send(SIGKILL)
            _ = await worker.wait(within: .seconds(5))
            #expect(try await house.record(id).state == .active)
            let (requests, file) = (house.origin.servings.count, try FileFacts(path))
            try house.work()
            try await house.until(id, is: "completed")
            #expect(house.origin.servings.count == requests, "nothing was fetched again")
            #expect(try FileFacts(path) == file)
            #expect(try house.hasRightBytes("small.bin"))
            await proxy.stop()
        }
    }

    @Test func `a job whose cancel was answered is never started again, whatever becomes of its worker`()
        async throws
    {
        try await House.with(slowContent()) { house in
            try await house.serve()
            try await house.shortenLease()
            let worker = try house.work()
            let id = try await house.add("large.bin")
            try await house.until(id, is: "downloading")
            try await house.until("bytes arrive") { !house.origin.servings.isEmpty }
            worker.send(SIGSTOP)
            _ = try await house.post("/api/downloads/\(id)/cancel")
            worker.send(SIGKILL)
            _ = await worker.wait(within: .seconds(5))
            try house.work()
            try await house.until(id, is: "cancelled")
            let claims = try await house.record(id).claims
            // Another job passes through the same worker meanwhile.
            let other = try await house.add("large.bin")
            try await house.until(other, is: "downloading")
            #expect(try await house.record(id).claims == claims)
            #expect(claims == 1)
            #expect(try await house.status(id) == "cancelled")
            _ = try await house.post("/api/downloads/\(other)/cancel")
            try await house.until(other, is: "cancelled")
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
