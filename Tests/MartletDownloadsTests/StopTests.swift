// Stops of every kind in the middle of a transfer, and workers that lost their job.

import Foundation
import Glibc
import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct StopTests {
    private static let size = 3_000_000
    private static let headers = [("ETag", "\"v1\"")]

    /// Sends part of the file and then nothing, the first time; all of it later.
    private func halting(after count: Int, _ body: [UInt8]) async throws -> Origin {
        try await Origin.start { asked, number in
            number == 0
                ? Reply.file(body, Self.headers).cut(after: count, .hang) : Origin.honest(asked, body, Self.headers)
        }
    }

    @Test(arguments: [StopReason.pause, .shutdown, .timeout])
    func `a stopped transfer keeps its bytes and goes on from them`(reason: StopReason) async throws {
        let harness = try DownloadHarness()
        let body = content(Self.size)
        let origin = try await halting(after: 1_234_567, body)
        let job = DownloadJob(url: origin.url(), filename: "a")
        let runtime = TestRuntime()
        let start = ContinuousClock.now
        try await harness.stop(job, reason, afterBytes: 1_234_567, runtime: runtime)
        #expect(ContinuousClock.now - start < .seconds(120), "the silent server was not waited for")
        #expect(runtime.checkpoint?.offset == 1_234_567)
        #expect(runtime.checkpoint?.total == Int64(Self.size))
        #expect(runtime.progress.last?.completed == 1_234_567)
        #expect(harness.names == harness.parts && harness.parts.count == 1)
        #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
        #expect(origin.bytesServed == Self.size)
        await origin.stop()
    }

    @Test func `a cancelled transfer removes its part`() async throws {
        let harness = try DownloadHarness()
        let origin = try await halting(after: 1_000_000, content(Self.size))
        try await harness.stop(DownloadJob(url: origin.url(), filename: "a"), .cancel, afterBytes: 1_000_000)
        #expect(harness.names.isEmpty)
        await origin.stop()
    }

    @Test func `a lost lease leaves disk and queue as they are`() async throws {
        let harness = try DownloadHarness()
        let origin = try await halting(after: 300_000, content(Self.size))
        // In the moment in which they arrive, so the last bytes are in hand, and no save is under way.
        let runtime = TestRuntime(leaseBytes: 300_000)
        let settings = harness.settings { $0.checkpointInterval = .seconds(3600) }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let attempt = Task { try await harness.run(job, runtime: runtime, settings: settings) }
        try await eventually("the lease is lost") { runtime.stopReason == .leaseLost }
        attempt.cancel()
        await #expect(throws: CancellationError.self) { try await attempt.value }
        #expect(harness.parts.count == 1 && harness.names == harness.parts)
        let onDisk = try #require(harness.parts.first.flatMap { harness.bytes($0)?.count })
        #expect(onDisk < 300_000, "the last bytes are not written")
        #expect(runtime.saves.isEmpty)
        await origin.stop()
    }

    @Test func `a fenced worker does not give the file its name`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file(content(1000), Self.headers)
        await #expect(throws: Fenced.self) {
            try await harness.run(
                DownloadJob(url: origin.url(), filename: "a"), runtime: TestRuntime(savesLeft: 0))
        }
        #expect(harness.bytes("a") == nil)
        #expect(harness.parts.count == 1)
        await origin.stop()
    }

    @Test func `after a crash at most one checkpoint interval is fetched again`() async throws {
        let body = content(6_000_000)
        for saves in 1...4 {
            let harness = try DownloadHarness()
            let origin = try await Origin.file(body, Self.headers)
            let job = DownloadJob(url: origin.url(), filename: "a")
            // The queue accepts some saves and then no more, as if the process had died there.
            let runtime = TestRuntime(savesLeft: saves)
            await #expect(throws: Fenced.self) { try await harness.run(job, runtime: runtime) }
            let saved = try #require(runtime.checkpoint?.offset)
            let onDisk = try #require(harness.parts.first.flatMap { harness.bytes($0)?.count })
            #expect(onDisk - Int(saved) <= 1 << 20)
            #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
            // The first answer is not counted: its server may still be writing.
            #expect(origin.asked.count == 2 && origin.bytesServed(to: 1) == body.count - Int(saved))
            await origin.stop()
        }
    }

    @Test func `a restart from zero is saved before a byte of the new version is written`() async throws {
        let harness = try DownloadHarness()
        let body = content(Self.size)
        let changed = content(Self.size, seed: 2)
        let origin = try await Origin.start { asked, number in
            switch number {
            case 0: Reply.file(body, Self.headers).cut(after: 2_000_000)
            case 1: Reply.file(changed, [("ETag", "\"v2\"")]).cut(after: 900_000)
            default: Origin.honest(asked, body, Self.headers)
            }
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let (first, second) = (TestRuntime(), TestRuntime(savesLeft: 1))
        _ = await harness.failure(job, runtime: first)
        // The second worker dies after the restart was saved; the server is back at the first version.
        await #expect(throws: (any Error).self) { try await harness.run(job, after: first, runtime: second) }
        #expect(second.saves.count == 1)
        #expect(second.checkpoint?.offset == 0)
        #expect(try await harness.run(job, after: second).sha256 == sha256(body))
        await origin.stop()
    }

    @Test func `a refused restart leaves the bytes alone`() async throws {
        let harness = try DownloadHarness()
        let body = content(Self.size)
        let origin = try await Origin.start { asked, number in
            number == 0
                ? Reply.file(body, Self.headers).cut(after: 2_000_000)
                : .file(content(10, seed: 2), [("ETag", "\"v2\"")])
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let first = TestRuntime()
        _ = await harness.failure(job, runtime: first)
        let part = try #require(harness.parts.first)
        let before = harness.bytes(part)
        await #expect(throws: Fenced.self) {
            try await harness.run(job, after: first, runtime: TestRuntime(savesLeft: 0))
        }
        #expect(harness.bytes(part) == before)
        await origin.stop()
    }

    @Test func `a zombie keeps its locked part and the next worker copies what is safe`() async throws {
        let harness = try DownloadHarness()
        let body = content(Self.size)
        let origin = try await halting(after: 1_500_000, body)
        let job = DownloadJob(url: origin.url(), filename: "a")
        let runtime = TestRuntime()
        try await harness.stop(job, .pause, afterBytes: 1_500_000, runtime: runtime)
        let part = try #require(harness.parts.first)
        let before = harness.bytes(part)
        let zombie = try #require(FileHandleForTests(harness.path(part)))
        try #require(zombie.lock())
        #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
        #expect(origin.bytesServed == Self.size)
        #expect(harness.bytes(part) == before)
        #expect(harness.names == [part, "a"])
        // What the zombie writes now reaches nothing but its own file.
        zombie.write([1, 2, 3], at: 0)
        #expect(harness.bytes("a") == body)
        await origin.stop()
    }

    @Test func `a worker that died after the rename completes without fetching`() async throws {
        let harness = try DownloadHarness()
        let body = content(Self.size)
        let origin = try await Origin.file(body, Self.headers)
        let job = DownloadJob(url: origin.url(), filename: "a", onConflict: .error)
        let runtime = TestRuntime()
        let result = try await harness.run(job, runtime: runtime)
        #expect(try await harness.run(job, after: runtime) == result)
        #expect(origin.asked.count == 1)

        // The same name and size with other bytes is another file.
        let file = try #require(FileHandleForTests(harness.path("a")))
        file.write([0xFF, 0x00], at: 100)
        #expect(await harness.failure(job, after: runtime)?.code == .fileExists)
        await origin.stop()
    }

    @Test func `a worker that died before the rename completes without fetching`() async throws {
        let harness = try DownloadHarness()
        let body = content(Self.size)
        let origin = try await Origin.file(body, Self.headers)
        let job = DownloadJob(url: origin.url(), filename: "a")
        let runtime = TestRuntime()
        _ = try await harness.run(job, runtime: runtime)
        let part = try #require(runtime.checkpoint?.part)
        try FileManager.default.moveItem(atPath: harness.path("a"), toPath: harness.path(part))
        #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
        #expect(harness.names == ["a"])
        #expect(origin.asked.count == 1)
        await origin.stop()
    }

    @Test func `a handler that was shut down releases jobs unchanged`() async throws {
        let harness = try DownloadHarness()
        let handler = DownloadHandler(harness.settings())
        await handler.shutdown()
        await #expect(throws: JobOutcome.release()) {
            let context = harness.context(TestRuntime(), checkpoint: nil)
            _ = try await handler.run(DownloadJob(url: "http://127.0.0.1:9/", filename: "a"), context: context)
        }
        #expect(harness.names.isEmpty)
    }

    @Test func `a job that is to stop before it starts does nothing`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file([1], [])
        let runtime = TestRuntime()
        runtime.stop(.cancel)
        await #expect(throws: CancellationError.self) {
            try await harness.run(DownloadJob(url: origin.url(), filename: "a"), runtime: runtime)
        }
        #expect(harness.names.isEmpty && origin.asked.isEmpty)
        await origin.stop()
    }
}

/// A file held by somebody else.
final class FileHandleForTests {
    private let descriptor: Int32

    init?(_ path: String) {
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        if descriptor < 0 { return nil }
    }

    /// Makes the file first.
    convenience init?(creating path: String) {
        guard FileManager.default.createFile(atPath: path, contents: nil) else { return nil }
        self.init(path)
    }

    deinit { close(descriptor) }

    func unlock() { flock(descriptor, LOCK_UN) }

    func lock() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    func write(_ bytes: [UInt8], at offset: Int) { _ = pwrite(descriptor, bytes, bytes.count, off_t(offset)) }
}
