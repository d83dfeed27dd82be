// Numbers that were stored or received, as large as they can be: none ends the worker.

import Foundation
import MartletJobs
import NIOCore
import Testing

@testable import MartletDownloads

@Suite struct HostileNumberTests {
    @Test(arguments: [
        #"{"offset":-9223372036854775808,"part":"PART"}"#, #"{"offset":9223372036854775807,"part":"PART"}"#,
        #"{"offset":5,"part":"PART","total":-1}"#, #"{"offset":5,"part":"PART","total":9223372036854775807}"#,
        #"{"offset":5,"part":"PART","free":9223372036854775807}"#, #"{"offset":5,"part":"PART","free":-1}"#,
        #"{"offset":0,"final":{"name":"a","size":-1,"sha256":""}}"#, #"{"offset":1e300}"#, "null", "[]",
    ])
    func `a checkpoint may have any content`(text: String) async throws {
        let harness = try DownloadHarness()
        let body = content(100_000)
        let origin = try await Origin.start { asked, number in
            let reply = Origin.honest(asked, body, [("ETag", "\"v\"")])
            return number == 0 ? reply.cut(after: 50_000) : reply
        }
        let part = ".a.\(harness.id).1-nonce.part"
        _ = FileManager.default.createFile(atPath: harness.path(part), contents: Data(body.prefix(5)))
        let last = TestRuntime()
        try await last.save(checkpoint: Array(text.replacing("PART", with: part).utf8))
        let job = DownloadJob(url: origin.url(), filename: "a")
        let second = TestRuntime()
        _ = try? await harness.run(job, after: last, runtime: second)
        #expect(try await harness.run(job, after: second).sha256 == sha256(body))
        await origin.stop()
    }

    @Test(arguments: [Int64.min, -1, 0])
    func `a limit below zero refuses every file`(limit: Int64) async throws {
        let harness = try DownloadHarness()
        for length in [nil, 10] as [Int?] {
            let origin = try await Origin.start { _, _ in Reply(body: content(10), length: length) }
            let job = DownloadJob(url: origin.url(), filename: "a", maxBytes: limit, bytesPerSecond: .min)
            #expect(await harness.failure(job)?.code == .tooLarge)
            await origin.stop()
        }
    }

    @Test func `durations of any length become times of event loops`() {
        #expect(Duration.milliseconds(1500).asTimeAmount == .milliseconds(1500))
        #expect(Duration.seconds(-2).asTimeAmount == .seconds(-2))
        #expect(Duration.seconds(Int64.max).asTimeAmount == .nanoseconds(.max))
        #expect(Duration.seconds(Int64.min).asTimeAmount == .nanoseconds(.min))
    }
}
