// Attempts that go on where another one ended, and never mix two versions of a file.

import Foundation
import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct ResumeTests {
    private static let size = 3_000_000
    private static let cut = 1_900_000
    private static let old = ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
    private static let date = ("Date", "Sun, 06 Nov 1994 09:00:00 GMT")

    /// Cuts the first answer and then serves `next`; returns the server and the bytes that the second attempt cost.
    private func resume(
        _ headers: [(String, String)], next: @escaping @Sendable (Asked) -> Reply, expect wanted: [UInt8]
    ) async throws -> (second: [Asked], bytes: Int) {
        let harness = try DownloadHarness()
        let first = content(Self.size)
        let origin = try await Origin.start { asked, number in
            number == 0 ? Reply.file(first, headers).cut(after: Self.cut) : next(asked)
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let runtime = TestRuntime()
        let error = await harness.failure(job, runtime: runtime)
        #expect(error?.code == .connectionLost)
        #expect(error?.retryAdvice == .uncharged)
        #expect(harness.parts.count == 1)
        #expect(runtime.checkpoint?.offset == Int64(Self.cut))
        let before = origin.bytesServed
        let result = try await harness.run(job, after: runtime)
        #expect(result.sha256 == sha256(wanted))
        #expect(harness.bytes("a") == wanted)
        #expect(harness.names == ["a"])
        await origin.stop()
        return (Array(origin.asked.dropFirst()), origin.bytesServed - before)
    }

    @Test(arguments: [[("ETag", "\"v1\"")], [old, date]])
    func `a cut transfer fetches only the rest`(headers: [(String, String)]) async throws {
        let body = content(Self.size)
        let (second, bytes) = try await resume(headers, next: { Origin.honest($0, body, headers) }, expect: body)
        #expect(second.count == 1)
        #expect(second.first?.header("range") == "bytes=\(Self.cut)-")
        #expect(second.first?.header("if-range") == headers.first?.1)
        #expect(bytes == Self.size - Self.cut)
    }

    @Test(arguments: [
        [("ETag", "\"v1\"")], [("ETag", "W/\"v1\"")], [], [old, date], [old], [("ETag", "W/\"v1\""), old, date],
    ])
    func `a file that changed in between is fetched from zero`(headers: [(String, String)]) async throws {
        let changed = content(Self.size + 5, seed: 2)
        let new = headers.map { name, value in
            name == "ETag"
                ? (name, value.replacing("v1", with: "v2"))
                : name == "Last-Modified" ? (name, "Mon, 07 Nov 1994 08:49:37 GMT") : (name, value)
        }
        let (second, bytes) = try await resume(
            headers, next: { Origin.honest($0, changed, new) }, expect: changed)
        // A weak tag and a missing date are nothing to ask with.
        let asksRange = second.first?.header("range") != nil
        // What answers a request for the rest may be just the rest of the other version: it is asked for anew.
        #expect(second.count == (asksRange ? 2 : 1))
        #expect(second.last?.header("range") == nil)
        #expect(asksRange || bytes == changed.count)
        #expect(second.first?.header("if-range")?.hasPrefix("W/") != true)
        #expect(asksRange == (headers.contains { $0.1 == "\"v1\"" } || headers.contains { $0.0 == "Last-Modified" }))
    }

    @Test func `a date that is too young to trust is not asked with`() async throws {
        let body = content(Self.size)
        let headers = [Self.old, ("Date", Self.old.1)]
        let (second, bytes) = try await resume(headers, next: { Origin.honest($0, body, headers) }, expect: body)
        #expect(second.first?.header("range") == nil)
        #expect(bytes == Self.size)
    }

    @Test func `a server that ignores Range starts the file again`() async throws {
        let body = content(Self.size)
        let headers = [("ETag", "\"v1\"")]
        let (second, _) = try await resume(headers, next: { _ in .file(body, headers) }, expect: body)
        #expect(second.count == 1)
    }

    @Test func `a server that ignores If-Range cannot make us mix versions`() async throws {
        let changed = content(Self.size, seed: 2)
        let new = [("ETag", "\"v2\"")]
        let (second, _) = try await resume(
            [("ETag", "\"v1\"")],
            next: { asked in
                asked.rangeStart.map { .range(changed, from: $0, new) } ?? .file(changed, new)
            }, expect: changed)
        #expect(second.count == 2)
        #expect(second.last?.header("range") == nil)
    }

    @Test(arguments: [
        "bytes 0-2999999/3000000", "bytes 1900001-2999999/3000000", "bytes 1900000-2999999/3000001",
        "bytes */3000000", "nonsense",
    ])
    func `a Content-Range that does not fit is not written`(range: String) async throws {
        let body = content(Self.size)
        let (second, _) = try await resume(
            [("ETag", "\"v1\"")],
            next: { asked in
                guard asked.rangeStart != nil else { return .file(body, [("ETag", "\"v1\"")]) }
                let headers = [("ETag", "\"v1\""), ("Content-Range", range)]
                return Reply(status: 206, headers: headers, body: content(1_100_000, seed: 3), length: 1_100_000)
            }, expect: body)
        #expect(second.count == 2)
    }

    @Test func `416 with all bytes here completes the file`() async throws {
        let harness = try DownloadHarness()
        let body = content(500_000)
        let headers = [("ETag", "\"v1\"")]
        let origin = try await Origin.start { asked, number in
            // Chunked and cut behind the last byte: only the server knows that nothing is missing.
            number == 0 ? Reply(headers: headers, body: body, end: .close) : Origin.honest(asked, body, headers)
        }
        let job = DownloadJob(url: origin.url(), filename: "a", checksum: "sha256:" + sha256(body))
        let runtime = TestRuntime()
        #expect(await harness.failure(job, runtime: runtime)?.code == .connectionLost)
        let result = try await harness.run(job, after: runtime)
        #expect(result.bytes == 500_000)
        #expect(origin.asked.last?.header("range") == "bytes=500000-")
        #expect(origin.bytesServed == 500_000)
        await origin.stop()
    }

    @Test func `416 because the file became shorter starts again`() async throws {
        let shorter = content(1000, seed: 2)
        let (second, _) = try await resume(
            [("ETag", "\"v1\"")],
            next: { asked in
                asked.rangeStart == nil
                    ? .file(shorter) : Reply(status: 416, headers: [("Content-Range", "bytes */1000")], length: 0)
            }, expect: shorter)
        #expect(second.count == 2)
    }

    @Test func `a body shorter than its length is fetched on, a longer one is cut to it`() async throws {
        let harness = try DownloadHarness()
        let body = content(200_000)
        let headers = [("ETag", "\"v1\"")]
        let origin = try await Origin.start { asked, number in
            if number == 0 {
                return Reply(headers: headers, body: Array(body.prefix(150_000)), length: 200_000, end: .close)
            }
            return Origin.honest(asked, body, headers)
        }
        let job = DownloadJob(url: origin.url(), filename: "short")
        let runtime = TestRuntime()
        #expect(await harness.failure(job, runtime: runtime)?.code == .connectionLost)
        #expect(harness.bytes("short") == nil)
        #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
        #expect(origin.bytesServed == 200_000)
        await origin.stop()

        let liar = try await Origin.start { _, _ in Reply(body: content(9000), length: 4000, end: .close) }
        let wanted = "sha256:" + sha256(content(9000))
        let error = await harness.failure(DownloadJob(url: liar.url(), filename: "long", checksum: wanted))
        #expect(error?.code == .checksumMismatch)
        #expect(harness.names == ["short"])
        await liar.stop()
    }

    @Test func `a range that ends before the file does keeps the part for the next attempt`() async throws {
        let harness = try DownloadHarness()
        let body = content(90_000)
        let headers = [("ETag", "\"v1\"")]
        let origin = try await Origin.start { asked, number in
            guard let start = asked.rangeStart else { return Reply.file(body, headers).cut(after: 30_000) }
            guard number == 1 else { return .range(body, from: start, headers) }
            return Reply(
                status: 206, headers: headers + [("Content-Range", "bytes 30000-59999/90000")],
                body: Array(body[30_000..<60_000]), length: 30_000)
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let (first, second) = (TestRuntime(), TestRuntime())
        #expect(await harness.failure(job, runtime: first)?.code == .connectionLost)
        #expect(await harness.failure(job, after: first, runtime: second)?.code == .incomplete)
        #expect(try await harness.run(job, after: second).sha256 == sha256(body))
        #expect(origin.asked.last?.rangeStart == 60_000)
        await origin.stop()
    }

    @Test func `a part whose bytes were changed on disk is fetched from zero`() async throws {
        let harness = try DownloadHarness()
        let body = content(Self.size)
        let headers = [("ETag", "\"v1\"")]
        let origin = try await Origin.start { asked, number in
            number == 0 ? Reply.file(body, headers).cut(after: Self.cut) : Origin.honest(asked, body, headers)
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let runtime = TestRuntime()
        _ = await harness.failure(job, runtime: runtime)
        let part = try #require(harness.parts.first)
        let file = try #require(FileHandleForTests(harness.path(part)))
        file.write([0xFF, 0x00, 0xFF], at: 1000)
        #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
        #expect(origin.asked.last?.header("range") == nil)
        await origin.stop()
    }

    @Test func `a part that is not here starts from zero`() async throws {
        let harness = try DownloadHarness()
        let body = content(Self.size)
        let headers = [("ETag", "\"v1\"")]
        let origin = try await Origin.start { asked, number in
            number == 0 ? Reply.file(body, headers).cut(after: Self.cut) : Origin.honest(asked, body, headers)
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let runtime = TestRuntime()
        _ = await harness.failure(job, runtime: runtime)
        for part in harness.parts { try FileManager.default.removeItem(atPath: harness.path(part)) }
        #expect(try await harness.run(job, after: runtime).sha256 == sha256(body))
        #expect(origin.asked.last?.header("range") == nil)
        await origin.stop()
    }

    @Test func `a checkpoint that cannot be read or names a foreign file is ignored`() async throws {
        let body = content(1000)
        let origin = try await Origin.file(body, [("ETag", "\"v1\"")])
        let foreign = DownloadCheckpoint(part: "../../etc/passwd", offset: 10)
        let other = DownloadCheckpoint(part: ".a.other.1-abc.part", offset: 10)
        for checkpoint in [
            Array("{".utf8), Array(try JSONEncoder().encode(foreign)), Array(try JSONEncoder().encode(other)),
        ] {
            let harness = try DownloadHarness()
            let last = TestRuntime()
            try await last.save(checkpoint: checkpoint)
            #expect(try await harness.run(DownloadJob(url: origin.url(), filename: "a"), after: last).bytes == 1000)
        }
        await origin.stop()
    }
}
