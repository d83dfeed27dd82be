// Slow origins and downloads of others: with real processes and real sockets, nobody is kept waiting by a slow host.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue
import Testing

@testable import MartletCLI

@Suite(.serialized) struct SlowHostTests {
    /// Files that take minutes each.
    private static let slow = OriginContent(
        files: (0..<60).map { OriginFile(name: "slow\($0).bin", size: 400_000, seed: UInt64($0)) },
        bytesPerSecond: 2000)

    @Test(arguments: [1, 2])
    func `many downloads of a slow host at high priority do not block others`(workers: Int) async throws {
        let fast = OriginContent(
            files: [OriginFile(name: "honest.bin", size: 100_000, seed: 99)], bytesPerSecond: 1 << 30)
        let honest = try await OriginServer.start(fast)
        try await TestStack.with(Self.slow) { stack in
            try await stack.serve()
            for _ in 0..<workers { try stack.work() }
            let ids = try await stack.add(Self.slow.files.map(\.name), priority: 1000)
            try await stack.until("the slow host has all slots") {
                try await stack.downloads.status()?.jobs[.active] == 3
            }
            // By another name of this machine, so another host; and behind all others in line.
            let url = honest.url(of: "honest.bin").replacing("127.0.0.1", with: "localhost")
            let pushed = try await stack.post(
                "/api/downloads", .object(["url": .string(url), "filename": "honest.bin", "priority": .integer(-5)]))
            let id = try #require(pushed["id"].string)
            let start = ContinuousClock.now
            // A download of the slow host takes 200 s; one that keeps the honest one waiting does so for that long.
            try await stack.until(id, is: "completed", within: .seconds(100))
            #expect(try await stack.downloads.status()?.completedEver == 1, "no slow download has ended")
            // With nobody else waiting the slow host gets its third slot again, and nobody spins.
            try await stack.until("the slow host has all slots again", within: .seconds(60)) {
                try await stack.downloads.status()?.jobs[.active] == 3
            }
            let records = try await stack.downloads.jobs(try ids.map { try #require(JobID($0)) }).compactMap(\.self)
            #expect(records.allSatisfy { $0.failures == 0 }, "giving way costs no attempt")
            let before = records.reduce(0) { $0 + $1.claims }
            let waited = ContinuousClock.now - start
            // At most a hundred of a host come again in a second.
            #expect(Double(before) < 100 + 100 * (waited / .seconds(1)), "\(before) claims in \(waited)")
            // Nobody waits, so nothing is given back any more: the claims come to rest.
            var claims = before
            try await stack.until("no download is given back", within: .seconds(60), every: .seconds(1)) {
                let now = try await stack.downloads.jobs(records.map(\.id)).compactMap(\.self)
                    .reduce(0) { $0 + $1.claims }
                defer { claims = now }
                return now == claims
            }
            _ = try await stack.post(
                "/api/downloads/batch-action",
                .object(["download_ids": .array(ids.map { .string($0) }), "action": "cancel"]))
            try await stack.until("all have stopped") { try await stack.downloads.status()?.jobs[.active] == 0 }
        }
        await honest.stop()
    }

    @Test func `slow origins lose their slots by the lowest speed`() async throws {
        try await TestStack.with(Self.slow) { stack in
            try await stack.serve()
            try stack.work([
                "DOWNLOAD__MIN_BYTES_PER_SECOND": "100000", "DOWNLOAD__MIN_SPEED_WINDOW_SECONDS": "5",
            ])
            let id = try await stack.add("slow1.bin", maxRetries: 0)
            try await stack.until(id, is: "failed", within: .seconds(100))
            #expect(try await stack.record(id).error?.hasPrefix("too_slow: ") == true)
        }
    }

    @Test func `an attempt ends with its timeout, from the command line too`() async throws {
        try await TestStack.with(Self.slow) { stack in
            try await stack.serve()
            try stack.work()
            let url = stack.origin.url(of: "slow1.bin")
            let added = try await stack.martlet(
                "download", "add", url, "--timeout", "2s", "--max-retries", "0", "--on-conflict", "error", "-o", "json")
            #expect(added.status == 0, "\(added.errors)")
            #expect(added.json["timeout_seconds"].int == 2)
            let id = try #require(added.json["id"].string)
            try await stack.until(id, is: "failed", within: .seconds(100))
            #expect(try await stack.record(id).error?.hasPrefix("timed out") == true)
            let retried = try await stack.martlet("download", "retry", id, "--filename", "other.bin")
            #expect(retried.status == 0, "\(retried.errors)")
            #expect(try await stack.download(id)["filename"].string == "other.bin")
            let two = try await stack.martlet("download", "retry", id, id, "--filename", "other.bin")
            #expect(two.status == 64)
        }
    }
}
