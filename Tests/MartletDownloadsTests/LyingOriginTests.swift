// Servers that send other bytes than their answer should hold: the file is right or there is none.

import MartletJobs
import Synchronization
import Testing

@testable import MartletDownloads

@Suite struct LyingOriginTests {
    private static let body = content(300_000)
    private static let tag = ("ETag", "\"v1\"")

    /// What a server sends that was asked for the rest.
    enum Misbehaviour: CaseIterable, Sendable {
        case tailAs200, tailAs203, tailAs200WithRange, tailAs200Chunked, tailAs200WithoutTag, wholeAs200Chunked
        case longer206, several206, later206, other206, open206, headOf206

        func reply(from start: Int) -> Reply {
            let tail = Array(LyingOriginTests.body[start...])
            let range = ("Content-Range", "bytes \(start)-299999/300000")
            let multipart = ("Content-Type", "multipart/byteranges; boundary=x")
            let tag = LyingOriginTests.tag
            switch self {
            case .tailAs200: return .file(tail, [tag])
            case .tailAs203: return Reply(status: 203, headers: [tag], body: tail, length: tail.count)
            case .tailAs200WithRange: return .file(tail, [tag, range])
            case .tailAs200Chunked: return Reply(headers: [tag], body: tail)
            case .tailAs200WithoutTag: return .file(tail, [])
            case .wholeAs200Chunked: return Reply(headers: [tag], body: LyingOriginTests.body)
            case .longer206: return Reply(status: 206, headers: [tag, range], body: tail + [1, 2, 3])
            case .several206: return Reply(status: 206, headers: [tag, range, multipart], body: tail)
            case .later206:
                let later = ("Content-Range", "bytes \(start + 1)-299999/300000")
                return Reply(status: 206, headers: [tag, later], body: Array(tail.dropFirst()))
            case .other206: return .range(content(300_000, seed: 2), from: start, [("ETag", "\"v2\"")])
            case .open206:
                let open = ("Content-Range", "bytes \(start)-199999/*")
                return Reply(status: 206, headers: [tag, open], body: Array(tail.prefix(200_000 - start)))
            case .headOf206:
                let first = ("Content-Range", "bytes \(start)-199999/300000")
                return Reply(status: 206, headers: [tag, first], body: Array(tail.prefix(200_000 - start)))
            }
        }
    }

    /// Breaks the first answer, lies to the first request for a rest, and is honest from then on.
    @Test(arguments: Misbehaviour.allCases, [true, false])
    func `whatever answers a request for the rest, no wrong file is finished`(lie: Misbehaviour, isSized: Bool)
        async throws
    {
        let harness = try DownloadHarness()
        let lies = Counter()
        let origin = try await Origin.start { asked, number in
            guard number > 0 else {
                return Reply(headers: [Self.tag], body: Self.body, length: isSized ? 300_000 : nil).cut(after: 100_000)
            }
            guard let start = asked.rangeStart, lies.next() == 1 else {
                return Origin.honest(asked, Self.body, [Self.tag])
            }
            return lie.reply(from: start)
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        var last = TestRuntime()
        _ = await harness.failure(job, runtime: last)
        #expect(last.checkpoint?.offset == 100_000)
        for _ in 0..<4 {
            let runtime = TestRuntime()
            let result = try? await harness.run(job, after: last, runtime: runtime)
            last = runtime
            if let result {
                #expect(result.sha256 == sha256(Self.body))
                break
            }
            #expect(harness.bytes("a") == nil)
        }
        #expect(harness.bytes("a") == Self.body)
        #expect(harness.names == ["a"])
        await origin.stop()
    }

    /// A cache that stored the rest of the file as the whole one sends just that, whatever it is asked for.
    @Test(arguments: [true, false])
    func `the rest of a file is never taken for the whole one under the same entity tag`(isSized: Bool) async throws {
        let harness = try DownloadHarness()
        let isHonest = Mutex(false)
        let origin = try await Origin.start { asked, number in
            guard number > 0 else { return Reply.file(Self.body, [Self.tag]).cut(after: 100_000) }
            if isHonest.withLock({ $0 }) { return Origin.honest(asked, Self.body, [Self.tag]) }
            let rest = Array(Self.body.dropFirst(100_000))
            return isSized ? .file(rest, [Self.tag]) : Reply(headers: [Self.tag], body: rest)
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        var last = TestRuntime()
        _ = await harness.failure(job, runtime: last)
        for _ in 0..<3 {
            let runtime = TestRuntime()
            let error = await harness.failure(job, after: last, runtime: runtime)
            #expect([.badResponse, .incomplete].contains(error?.code))
            #expect(harness.bytes("a") == nil)
            last = runtime
        }
        isHonest.withLock { $0 = true }
        #expect(try await harness.run(job, after: last).sha256 == sha256(Self.body))
        await origin.stop()
    }

    /// A fresh answer whose head says that it is a part, or whose body is longer than its head says.
    @Test(arguments: [
        Reply(headers: [("Content-Range", "bytes 5-9/10")], body: content(5), length: 5),
        Reply(headers: [("Content-Range", "bytes 5-9/10")], body: content(5)),
        Reply(headers: [("Content-Range", "bytes 0-4/10")], body: content(5), length: 5),
        Reply(headers: [("Content-Range", "bytes 0-9/10")], body: content(11)),
        Reply(headers: [("Content-Range", "bytes 0-9/10")], body: content(9)),
        Reply(status: 206, headers: [("Content-Range", "bytes 0-9/10")], body: content(11)),
        Reply(status: 206, headers: [("Content-Range", "bytes 0-8/10")], body: content(9)),
        Reply(status: 206, body: content(10), length: 10),
    ])
    func `a fresh answer that contradicts itself is an error`(reply: Reply) async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in reply }
        let error = await harness.failure(DownloadJob(url: origin.url(), filename: "a"))
        #expect([.badResponse, .incomplete].contains(error?.code))
        #expect(error?.retryAdvice == .byPolicy)
        #expect(harness.bytes("a") == nil)
        await origin.stop()
    }

    @Test func `a body longer than announced invalidates the part`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in
            Reply(headers: [("Content-Range", "bytes 0-199999/200000"), Self.tag], body: Self.body)
        }
        let runtime = TestRuntime()
        let error = await harness.failure(DownloadJob(url: origin.url(), filename: "a"), runtime: runtime)
        #expect(error?.message.contains("more than the 200000 bytes") == true)
        #expect(harness.names.isEmpty)
        #expect(runtime.checkpoint?.offset == 0)
        await origin.stop()
    }

    @Test func `an unrequested range is accepted when it covers the whole file`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in .range(Self.body, from: 0, [Self.tag]) }
        let result = try await harness.run(DownloadJob(url: origin.url(), filename: "a"))
        #expect(result.sha256 == sha256(Self.body))
        #expect(origin.asked.count == 1)
        await origin.stop()
    }

    @Test func `a server that never states the size gets one more request`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { asked, number in
            guard let start = asked.rangeStart else {
                return Reply(headers: [Self.tag], body: Self.body).cut(after: 100_000)
            }
            guard start < 300_000 else { return Origin.honest(asked, Self.body, [Self.tag]) }
            return Reply(
                status: 206, headers: [Self.tag, ("Content-Range", "bytes \(start)-299999/*")],
                body: Array(Self.body[start...]), length: 300_000 - start)
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let first = TestRuntime()
        _ = await harness.failure(job, runtime: first)
        #expect(try await harness.run(job, after: first).sha256 == sha256(Self.body))
        #expect(origin.asked.map(\.rangeStart) == [nil, 100_000, 300_000])
        await origin.stop()
    }
}
