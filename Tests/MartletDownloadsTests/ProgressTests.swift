// What progress says, and what attempts cost that bring the file forward.

import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct ProgressTests {
    private static let tag = ("ETag", "\"v1\"")

    @Test func `a server that cuts every 50 KB costs no retry`() async throws {
        let harness = try DownloadHarness()
        let body = content(400_000)
        let origin = try await Origin.start { asked, _ in
            let reply = Origin.honest(asked, body, [Self.tag])
            return reply.body.count > 50_000 ? reply.cut(after: 50_000) : reply
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        var last = TestRuntime()
        for attempt in 1...7 {
            let runtime = TestRuntime()
            let error = await harness.failure(job, after: last, runtime: runtime)
            #expect(error?.retryAdvice == .uncharged)
            #expect(runtime.checkpoint?.free == attempt)
            #expect(runtime.checkpoint?.offset == Int64(attempt) * 50_000)
            last = runtime
        }
        #expect(try await harness.run(job, after: last).sha256 == sha256(body))
        #expect(origin.bytesServed == body.count)
        await origin.stop()
    }

    @Test func `an attempt that stands still or goes back is charged`() async throws {
        let harness = try DownloadHarness()
        let body = content(400_000)
        // Ranges are not honoured, so each attempt begins at zero.
        let origin = try await Origin.start { _, _ in Reply.file(body, [Self.tag]).cut(after: 50_000) }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let (first, second) = (TestRuntime(), TestRuntime())
        #expect(await harness.failure(job, runtime: first)?.retryAdvice == .uncharged)
        #expect(await harness.failure(job, after: first, runtime: second)?.retryAdvice == .byPolicy)
        await origin.stop()
    }

    @Test func `only broken connections cost no retry, with enough new bytes and within the budget`() {
        let enough: Int64 = 16 << 10
        #expect(ProgressRule.isFree(.connectionLost, bytes: enough, used: 0))
        #expect(ProgressRule.isFree(.incomplete, bytes: enough, used: ProgressRule.budget - 1))
        #expect(ProgressRule.isFree(.tlsFailed, bytes: enough, used: 0))
        #expect(!ProgressRule.isFree(.tlsFailed, bytes: enough - 1, used: 0))
        #expect(!ProgressRule.isFree(.connectionLost, bytes: enough, used: ProgressRule.budget))
        #expect(!ProgressRule.isFree(.connectionLost, bytes: enough - 1, used: 0))
        #expect(!ProgressRule.isFree(.stalled, bytes: enough, used: 0))
        #expect(ProgressRule.isFree(.stalled, bytes: 16 << 20, used: 0))
        let broken: [DownloadError.Code] = [.connectionLost, .incomplete, .stalled, .tlsFailed]
        for code in DownloadError.Code.allCases where !broken.contains(code) {
            #expect(!ProgressRule.isFree(code, bytes: .max, used: 0))
        }
    }

    @Test func `a burst is on disk and in the progress while the server is silent`() async throws {
        let harness = try DownloadHarness()
        let body = content(400_000)
        let origin = try await Origin.start { _, _ in Reply.file(body, [Self.tag]).cut(after: 399_999, .hang) }
        let runtime = TestRuntime()
        let job = DownloadJob(url: origin.url(), filename: "a")
        let attempt = Task { try await harness.run(job, runtime: runtime) }
        try await eventually("the burst is shown") { runtime.progress.last?.completed == 399_999 }
        let part = try #require(harness.parts.first)
        #expect(harness.bytes(part) == Array(body.prefix(399_999)))
        #expect(runtime.progress.allSatisfy { $0.total == 400_000 })
        runtime.stop(.pause)
        attempt.cancel()
        await #expect(throws: CancellationError.self) { try await attempt.value }
        #expect(runtime.progress.last?.completed == 399_999)
        #expect(runtime.checkpoint?.offset == 399_999)
        await origin.stop()
    }

    @Test func `a burst that is paused at once is saved and counted`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in
            Reply.file(content(400_000), [Self.tag]).cut(after: 399_999, .hang)
        }
        let runtime = TestRuntime()
        try await harness.stop(
            DownloadJob(url: origin.url(), filename: "a"), .pause, afterBytes: 399_999, runtime: runtime)
        #expect(runtime.progress.last?.completed == 399_999)
        #expect(runtime.checkpoint?.offset == 399_999)
        await origin.stop()
    }

    @Test(arguments: [(1, true), (2, false)])
    func `the part of a download that failed for good is removed`(attempt: Int, stays: Bool) async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, _ in Reply.file(content(9000), [Self.tag]).cut(after: 5000) }
        let runtime = TestRuntime()
        let context = harness.context(runtime, checkpoint: nil, attempt: attempt, maxRetries: 1)
        let handler = DownloadHandler(harness.settings())
        await #expect(throws: DownloadError.self) {
            try await handler.run(DownloadJob(url: origin.url(), filename: "a"), context: context)
        }
        #expect(harness.parts.isEmpty != stays)
        #expect((runtime.checkpoint?.part != nil) == stays)
        await origin.stop()
    }

    @Test func `the part of a download whose server no longer has the file is removed`() async throws {
        let harness = try DownloadHarness()
        let origin = try await Origin.start { _, number in
            number == 0 ? Reply.file(content(90_000), [Self.tag]).cut(after: 50_000) : .status(404)
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let first = TestRuntime()
        _ = await harness.failure(job, runtime: first)
        #expect(harness.parts.count == 1)
        #expect(await harness.failure(job, after: first)?.code == .notFound)
        #expect(harness.names.isEmpty)
        await origin.stop()
    }
}
