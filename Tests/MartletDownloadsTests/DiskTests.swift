// What the disk can do to a download.

import Foundation
import Glibc
import MartletJobs
import NIOCore
import Testing

@testable import MartletDownloads

@Suite struct DiskTests {
    @Test func `a directory that cannot be made is a fault of the storage`() async throws {
        let harness = try DownloadHarness()
        _ = FileManager.default.createFile(atPath: harness.path("file"), contents: nil)
        let settings = harness.settings { $0.directory = harness.path("file") + "/sub" }
        let error = await harness.failure(DownloadJob(url: "http://127.0.0.1:9/", filename: "a"), settings: settings)
        #expect(error?.code == .storageFailed)
        #expect(error?.retryAdvice == .release(after: DownloadError.diskFullWait), "another worker's may be fit")
        #expect(DirectoryProbe.failure(of: settings.directory) == ENOTDIR)
    }

    @Test func `a directory that cannot be written uses up no retry, a fault of one file does`() {
        let wait = RetryAdvice.release(after: DownloadError.diskFullWait)
        for code in [EROFS, EACCES, EPERM] {
            #expect(DownloadError(SystemError(SystemError.create, code: code)).retryAdvice == wait)
        }
        #expect(DownloadError(SystemError("write", code: EROFS)).retryAdvice == wait)
        for (call, code) in [("rename", ENOENT), ("write", EIO), ("open", EACCES)] {
            #expect(DownloadError(SystemError(call, code: code)).retryAdvice == .byPolicy)
        }
    }

    @Test func `a probe makes the directory, leaves no file, and can leave nothing at all`() throws {
        let harness = try DownloadHarness()
        let path = harness.path("deep/er")
        #expect(DirectoryProbe.failure(of: path, leavesNothing: true) == nil)
        #expect(!FileManager.default.fileExists(atPath: harness.path("deep")))
        #expect(DirectoryProbe.failure(of: path) == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
        #expect(DirectoryProbe.failure(of: path, leavesNothing: true) == nil)
        #expect(FileManager.default.fileExists(atPath: path), "it was there before")
        #expect(DirectoryProbe.failure(of: "/proc/nope") != nil)
    }

    @Test func `pieces of every size are written and hashed in their order`() async throws {
        let harness = try DownloadHarness()
        let part = try PartFile.create("p", in: DownloadDirectory(path: harness.directory))
        var writer = PartWriter(part)
        let sizes = [1, 300_000, 1 << 20, 5, 400_000, 400_000, 1, 1, 1 << 20]
        let body = content(sizes.reduce(0, +))
        var offset = 0
        var last: EventLoopFuture<Void>?
        for size in sizes {
            let bytes = body[offset..<offset + size]
            let half = bytes.startIndex + size / 2
            let piece = [ByteBuffer(bytes: bytes[..<half]), ByteBuffer(bytes: bytes[half...])]
            last = writer.append(piece, count: size)
            offset += size
        }
        try await last?.get()
        #expect(part.held == PartContents(count: Int64(body.count), sum: sha256(body)))
        #expect(harness.bytes("p") == body)
    }

    @Test func `a final name is given without replacing, by link where rename cannot`() throws {
        let harness = try DownloadHarness()
        for name in ["one", "two", "three"] {
            _ = FileManager.default.createFile(atPath: harness.path(name), contents: Data(name.utf8))
        }
        let directory = try DownloadDirectory(path: harness.directory)
        #expect(try !directory.rename("one", to: "two"))
        #expect(try !directory.link("one", to: "two"))
        #expect(try directory.link("one", to: "linked"))
        #expect(try directory.rename("linked", to: "renamed"))
        #expect(harness.names == ["renamed", "three", "two"])
        #expect(harness.bytes("renamed") == Array("one".utf8))
        #expect(throws: SystemError.self) { try directory.rename("missing", to: "x") }
        #expect(throws: SystemError.self) { try directory.link("missing", to: "x") }
        #expect(try directory.open("missing", writing: true) == nil)
        #expect(try directory.state(of: "missing") == .absent)
        #expect(try directory.state(of: "two") == .file(size: 3))
        try directory.unlink("missing")
    }

    @Test func `faults of the system have their codes`() {
        #expect(DownloadError(SystemError("x", code: ENOSPC)).retryAdvice == .release(after: .seconds(30)))
        #expect(DownloadError(SystemError("x", code: EDQUOT)).code == .diskFull)
        #expect(DownloadError(SystemError("x", code: EFBIG)).retryAdvice == .never)
        #expect(DownloadError(SystemError("x", code: EIO)).retryAdvice == .byPolicy)
    }

    @Test func `a speed limit holds for one job and for all`() async throws {
        let body = content(600_000)
        let origin = try await Origin.file(body, [])
        for isGlobal in [false, true] {
            let harness = try DownloadHarness()
            let settings = harness.settings { if isGlobal { $0.globalBytesPerSecond = 800_000 } }
            let job = DownloadJob(url: origin.url(), filename: "a", bytesPerSecond: isGlobal ? nil : 800_000)
            let start = ContinuousClock.now
            #expect(try await harness.run(job, settings: settings).bytes == 600_000)
            // 600 kB less a burst of 200 kB at 800 kB/s.
            #expect(ContinuousClock.now - start > .milliseconds(400))
        }
        await origin.stop()
    }
}
