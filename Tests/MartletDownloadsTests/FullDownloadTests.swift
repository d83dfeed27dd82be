// Files fetched in one go, and what is checked before they get their name.

import Foundation
import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct FullDownloadTests {
    @Test(arguments: [0, 1, 70_000, 3_000_000])
    func `a file of any size arrives whole and hashed`(size: Int) async throws {
        let harness = try DownloadHarness()
        let body = content(size)
        let origin = try await Origin.file(body, [("ETag", "\"a\"")])
        let runtime = TestRuntime()
        let job = DownloadJob(url: origin.url(), filename: "song.flac", checksum: "sha256:" + sha256(body))
        let result = try await harness.run(job, runtime: runtime)
        #expect(result == DownloadResult(filename: "song.flac", bytes: Int64(size), sha256: sha256(body)))
        #expect(harness.bytes("song.flac") == body)
        #expect(harness.names == ["song.flac"])
        #expect(runtime.progress.last == JobProgress(completed: Int64(size), total: Int64(size)))
        #expect(runtime.checkpoint?.final == FinalFile(name: "song.flac", size: Int64(size), sha256: sha256(body)))
        #expect(origin.asked.count == 1)
        #expect(origin.asked.first?.header("accept-encoding") == "identity")
        await origin.stop()
    }

    @Test func `a chunked body without a length arrives whole`() async throws {
        let harness = try DownloadHarness()
        let body = content(400_000)
        let origin = try await Origin.start { _, _ in Reply(body: body) }
        let result = try await harness.run(DownloadJob(url: origin.url(), filename: "a"))
        #expect(result.sha256 == sha256(body))
        await origin.stop()
    }

    @Test(arguments: [nil, .rename, .error, .replace] as [NameConflict?])
    func `a file that is there and has the wanted checksum is not fetched`(conflict: NameConflict?) async throws {
        let harness = try DownloadHarness()
        let body = content(100_000)
        let origin = try await Origin.file(body, [])
        _ = FileManager.default.createFile(atPath: harness.path("a"), contents: Data(body))
        var job = DownloadJob(url: origin.url(), filename: "a", checksum: "SHA256:" + sha256(body).uppercased())
        job.onConflict = conflict
        let runtime = TestRuntime()
        let result = try await harness.run(job, runtime: runtime)
        #expect(result == DownloadResult(filename: "a", bytes: 100_000, sha256: sha256(body)))
        #expect(runtime.progress.last == JobProgress(completed: 100_000, total: 100_000))
        #expect(origin.asked.isEmpty && harness.names == ["a"])
        await origin.stop()
    }

    @Test func `a file that is there with another checksum is not taken for the wanted one`() async throws {
        let harness = try DownloadHarness()
        let body = content(1000)
        let origin = try await Origin.file(body, [])
        _ = FileManager.default.createFile(atPath: harness.path("a"), contents: Data(content(1000, seed: 2)))
        var job = DownloadJob(url: origin.url(), filename: "a", checksum: "sha256:" + sha256(body))
        job.onConflict = .error
        #expect(await harness.failure(job)?.code == .fileExists)
        #expect(origin.asked.isEmpty)
        job.onConflict = .replace
        #expect(try await harness.run(job).sha256 == sha256(body))
        #expect(harness.bytes("a") == body)
        await origin.stop()
    }

    @Test func `a missing directory is made`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file([1, 2, 3], [])
        let settings = harness.settings { $0.directory = harness.directory + "/new/deep" }
        _ = try await harness.run(DownloadJob(url: origin.url(), filename: "a"), settings: settings)
        #expect(harness.bytes("new/deep/a") == [1, 2, 3])
        await origin.stop()
    }

    @Test func `a wrong checksum fails for good, removes the part and clears the checkpoint`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file(content(100_000), [("ETag", "\"a\"")])
        let runtime = TestRuntime()
        let wanted = "sha256:" + String(repeating: "0", count: 64)
        let job = DownloadJob(url: origin.url(), filename: "a", checksum: wanted)
        let error = await harness.failure(job, runtime: runtime)
        #expect(error?.code == .checksumMismatch)
        #expect(error?.retryAdvice == .never)
        #expect(harness.names.isEmpty)
        #expect(runtime.checkpoint == DownloadCheckpoint())
        await origin.stop()
    }

    @Test func `an existing file is never replaced and nothing is fetched for it`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file(content(1000), [])
        _ = FileManager.default.createFile(atPath: harness.path("a"), contents: Data([9]))
        let error = await harness.failure(DownloadJob(url: origin.url(), filename: "a", onConflict: .error))
        #expect(error?.code == .fileExists)
        #expect(error?.retryAdvice == .never)
        #expect(harness.bytes("a") == [9])
        #expect(origin.asked.isEmpty)
        await origin.stop()
    }

    @Test func `a file that appears during the transfer is not replaced either`() async throws {
        let harness = try DownloadHarness()
        let path = harness.path("a")
        let origin = try await Origin.start { _, _ in
            _ = FileManager.default.createFile(atPath: path, contents: Data([9]))
            return .file(content(1000))
        }
        let error = await harness.failure(DownloadJob(url: origin.url(), filename: "a", onConflict: .error))
        #expect(error?.code == .fileExists)
        #expect(harness.bytes("a") == [9])
        await origin.stop()
    }

    @Test func `symbolic links under either name are not followed`() async throws {
        let harness = try DownloadHarness()
        let outside = try DownloadHarness()
        _ = FileManager.default.createFile(atPath: outside.path("secret"), contents: Data([9]))
        let origin = try await Origin.file(content(1000), [])
        try FileManager.default.createSymbolicLink(
            atPath: harness.path("a"), withDestinationPath: outside.path("secret"))
        let job = DownloadJob(url: origin.url(), filename: "a", onConflict: .error)
        #expect(await harness.failure(job)?.code == .fileExists)

        // The next claim's part name, as one who could read tokens would plant it.
        try FileManager.default.createSymbolicLink(
            atPath: harness.path(".b.\(harness.id).2-nonce2xy.part"), withDestinationPath: outside.path("secret"))
        #expect(await harness.failure(DownloadJob(url: origin.url(), filename: "b"))?.code == .storageFailed)
        #expect(outside.bytes("secret") == [9])
        await origin.stop()
    }

    @Test(arguments: ["../etc/x", "/etc/x", "a/../../b", "a\0b", "CON", ".hidden", "a\u{2025}b", ""])
    func `a name that would leave the directory is refused before anything is asked`(name: String) async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.file([1], [])
        let error = await harness.failure(DownloadJob(url: origin.url(), filename: name))
        #expect(error?.code == .badRequest)
        #expect(error?.retryAdvice == .never)
        #expect(origin.asked.isEmpty && harness.names.isEmpty)
        await origin.stop()
    }

    @Test func `many downloads from one origin run at once`() async throws {
        let harness = try DownloadHarness()
        let body = content(300_000)
        let origin = try await Origin.file(body, [])
        let handler = DownloadHandler(harness.settings())
        try await withThrowingTaskGroup(of: DownloadResult.self) { group in
            for index in 0..<12 {
                let context = harness.context(TestRuntime(), checkpoint: nil)
                let job = DownloadJob(url: origin.url("/\(index)"), filename: "f\(index)")
                group.addTask { try await handler.run(job, context: context) }
            }
            for try await result in group { #expect(result.sha256 == sha256(body)) }
        }
        #expect(harness.names.count == 12)
        await origin.stop()
    }
}
