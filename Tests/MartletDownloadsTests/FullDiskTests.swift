// Full disks: a known size is checked before fetching, and one of two downloads yields.

import Foundation
import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct FullDiskTests {
    private static let tag = ("ETag", "\"v1\"")

    /// A bench whose directory is a file system of this size of its own.
    private func onDisk(_ size: String, _ body: (DownloadHarness) async throws -> Void) async throws {
        let harness = try DownloadHarness()
        guard run("mount", "-t", "tmpfs", "-o", "size=\(size)", "tmpfs", harness.directory) else {
            try Test.cancel("mounting a tmpfs is not permitted here")
        }
        defer { _ = run("umount", "-l", harness.directory) }
        try await body(harness)
    }

    /// One attempt of another job of the same directory.
    private func attempt(
        _ job: DownloadJob, _ id: String, in harness: DownloadHarness, after last: TestRuntime? = nil,
        runtime: TestRuntime
    ) async throws -> DownloadResult {
        let id = try #require(JobID(id))
        let context = harness.context(runtime, checkpoint: last?.saves.last, id: id)
        var settings = harness.settings()
        settings.bytesReceived = { runtime.receive($0) }
        return try await DownloadHandler(settings).run(job, context: context)
    }

    @Test func `a download without enough disk space is not started and reports why`() async throws {
        try await onDisk("1m") { harness in
            let body = content(3_000_000)
            let origin = try await Origin.file(body, [Self.tag])
            let job = DownloadJob(url: origin.url(), filename: "a")
            let runtime = TestRuntime()
            let error = await harness.failure(job, runtime: runtime)
            #expect(error?.code == .diskFull)
            #expect(error?.retryAdvice == .release(after: .seconds(30)))
            #expect(error?.message.contains("3000000 bytes are needed and 1048576 are free") == true)
            #expect(runtime.received == 0)
            try #require(run("mount", "-o", "remount,size=8m", harness.directory))
            #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
            await origin.stop()
        }
    }

    @Test func `a download of unknown size keeps its bytes on a full disk and continues once there is space`()
        async throws
    {
        try await onDisk("1m") { harness in
            let body = content(3_000_000)
            let origin = try await Origin.start { asked, number in
                number == 0 ? Reply(headers: [Self.tag], body: body) : Origin.honest(asked, body, [Self.tag])
            }
            let job = DownloadJob(url: origin.url(), filename: "a")
            let runtime = TestRuntime()
            let error = await harness.failure(job, runtime: runtime)
            #expect(error?.code == .diskFull)
            #expect(error?.message.contains("no space") == true)
            let saved = try #require(runtime.checkpoint?.offset)
            #expect(saved > 0 && runtime.progress.last?.completed == saved)
            try #require(run("mount", "-o", "remount,size=8m", harness.directory))
            #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
            #expect(origin.asked.last?.rangeStart == Int(saved))
            await origin.stop()
        }
    }

    @Test func `with space for one of two files, one completes and the other fetches nothing`() async throws {
        try await onDisk("12m") { harness in
            let body = content(8_000_000)
            let origin = try await Origin.file(body, [Self.tag])
            let runtimes = ["one": TestRuntime(), "two": TestRuntime()]
            let results = await withTaskGroup(of: (String, Result<DownloadResult, any Error>).self) { group in
                for (id, runtime) in runtimes {
                    group.addTask {
                        let job = DownloadJob(url: origin.url(), filename: id)
                        do { return (id, .success(try await attempt(job, id, in: harness, runtime: runtime))) } catch {
                            return (id, .failure(error))
                        }
                    }
                }
                return await group.reduce(into: [String: Result<DownloadResult, any Error>]()) { $0[$1.0] = $1.1 }
            }
            let late = results.filter { (try? $0.value.get()) == nil }
            #expect(late.count == 1)
            for (id, result) in late {
                #expect(throws: DownloadError.self) { try result.get() }
                #expect(runtimes[id]?.received == 0)
                let other = try #require(results.keys.first { $0 != id })
                try FileManager.default.removeItem(atPath: harness.path(other))
                let job = DownloadJob(url: origin.url(), filename: id)
                let done = try await attempt(job, id, in: harness, after: runtimes[id], runtime: TestRuntime())
                #expect(done.sha256 == sha256(body))
            }
            await origin.stop()
        }
    }

    @Test func `a part is removed in favour of an older one when both wait for space`() async throws {
        try await onDisk("2m") { harness in
            let origin = try await Origin.start { _, _ in Reply(headers: [Self.tag], body: content(3_000_000)) }
            _ = FileManager.default.createFile(
                atPath: harness.path(".x.job-a.1-abc.part"), contents: Data(repeating: 1, count: 500_000))
            for (id, isYounger) in [("job-b", true), ("job-0", false)] {
                let runtime = TestRuntime()
                await #expect(throws: DownloadError.self) {
                    try await attempt(DownloadJob(url: origin.url(), filename: "f"), id, in: harness, runtime: runtime)
                }
                #expect(harness.parts.contains { $0.contains(id) } != isYounger)
                #expect((runtime.checkpoint?.offset == 0) == isYounger)
            }
            await origin.stop()
        }
    }

    @Test func `two files of unknown size that need the same space do not stop each other at the same times`()
        async throws
    {
        try await onDisk("2m") { bench in
            // Without a size and a version nothing is known beforehand, and each attempt begins from zero.
            let origin = try await Origin.start { _, _ in Reply(headers: [], body: content(3_000_000)) }
            _ = FileManager.default.createFile(
                atPath: bench.path(".x.job-a.1-abc.part"), contents: Data(repeating: 1, count: 500_000))
            var last: TestRuntime?
            for wait in [60, 120, 240] {
                let runtime = TestRuntime()
                let job = DownloadJob(url: origin.url(), filename: "f")
                let error = await #expect(throws: DownloadError.self) {
                    try await attempt(job, "job-b", in: bench, after: last, runtime: runtime)
                }
                #expect(error?.code == .diskFull && error?.retryAdvice == .release(after: .seconds(wait)))
                #expect(runtime.progress.last?.completed == 0, "the record does not count bytes that were removed")
                last = runtime
            }
            let older = await #expect(throws: DownloadError.self) {
                try await attempt(
                    DownloadJob(url: origin.url(), filename: "g"), "job-0", in: bench, runtime: TestRuntime())
            }
            #expect(older?.retryAdvice == .release(after: .seconds(30)))
            await origin.stop()
        }
    }

    @Test func `reserved space is released when an attempt stops`() async throws {
        try await onDisk("12m") { harness in
            let body = content(8_000_000)
            let origin = try await Origin.start { asked, number in
                number == 0
                    ? Reply.file(body, [Self.tag]).cut(after: 1_000_000, .hang) : Origin.honest(asked, body, [Self.tag])
            }
            let first = TestRuntime()
            let job = DownloadJob(url: origin.url(), filename: "a")
            let running = Task { try await attempt(job, "one", in: harness, runtime: first) }
            try await eventually("bytes arrive") { first.received >= 1_000_000 }
            // Its space is reserved though most of it is not written.
            let other = DownloadJob(url: origin.url(), filename: "b")
            await #expect(throws: DownloadError.self) {
                try await attempt(other, "two", in: harness, runtime: TestRuntime())
            }
            first.stop(.pause)
            running.cancel()
            await #expect(throws: CancellationError.self) { try await running.value }
            let done = try await attempt(other, "two", in: harness, runtime: TestRuntime())
            #expect(done.sha256 == sha256(body))
            await origin.stop()
        }
    }

    private func run(_ command: String, _ arguments: String...) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [command] + arguments
        process.standardError = Foundation.FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
