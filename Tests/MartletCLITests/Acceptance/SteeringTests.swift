// Steering by operators, over HTTP and with real workers: limits, priorities, pauses, retries by hand.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import Testing

@testable import MartletCLI

@Suite(.serialized) struct SteeringTests {
    @Test func `never more than three run at once, and a limit of six takes effect at once`()
        async throws
    {
        let content = OriginContent(
            // More than can be downloaded before the test is over.
            files: (0..<1000).map { OriginFile(name: "f\($0).bin", size: 60_000, seed: UInt64($0)) },
            bytesPerSecond: 150_000)
        try await TestStack.with(content) { stack in
            try await stack.serve()
            try stack.work()
            try stack.work()
            let ids = try await stack.add(content.files.map(\.name))
            #expect(ids.count == 1000)
            try await stack.until("three run") { try await stack.downloads.status()?.jobs[.active] == 3 }
            // A slow test may miss the moments in which all slots are in use, but it never sees more in use.
            let before = try await stack.observe(for: .seconds(3))
            #expect(before.allSatisfy { $0 <= 3 }, "\(before)")
            _ = try await stack.put("/api/downloads/concurrency", .object(["max_concurrent_downloads": 6]))
            try await stack.until("six run", every: .milliseconds(4)) {
                try await stack.downloads.status()?.jobs[.active] == 6
            }
            let after = try await stack.observe(for: .seconds(1))
            #expect(after.allSatisfy { $0 <= 6 }, "\(after)")
            let running = try await stack.downloads.list(states: [.active]).jobs.map(\.id)
            _ = try await stack.put("/api/downloads/concurrency", .object(["max_concurrent_downloads": 1]))
            for id in running { try await stack.until("\(id)", is: "completed") }
            #expect(try await stack.downloads.jobs(running).allSatisfy { $0?.claims == 1 }, "lowering kills nothing")
            // Others may have started between the look and the change.
            try await stack.until("at most one runs") { try await stack.downloads.status()?.jobs[.active] ?? 0 <= 1 }
            #expect(try await stack.observe(for: .milliseconds(500)).allSatisfy { $0 <= 1 })
            _ = try await stack.put("/api/downloads/concurrency", .object(["max_concurrent_downloads": 10]))
            for id in ids.prefix(20) { try await stack.until(id, is: "completed") }
        }
    }

    @Test func `a download of high priority pushed behind a thousand low ones starts next`() async throws {
        let high = OriginFile(name: "high.bin", size: 1000, seed: 1)
        let low = (0..<1000).map { OriginFile(name: "low\($0).bin", size: 1000, seed: 2) }
        let content = OriginContent(files: low + [high], bytesPerSecond: 1 << 30)
        try await TestStack.with(content) { stack in
            try await stack.serve(["DOWNLOAD__MAX_CONCURRENT_DOWNLOADS": "1"])
            _ = try await stack.add(low.map(\.name), priority: -10)
            let id = try await stack.add(high.name, priority: 10)
            let list = try await stack.get("/api/downloads?limit=1")
            #expect(list["downloads"].array?.first?["id"].string == id)
            let worker = try stack.work()
            try await stack.until(id, is: "completed")
            #expect(stack.origin.servings.first?.name == high.name)
            #expect(await stack.end(worker) == 0)
        }
    }

    @Test func `a running download pauses, frees its slot, and resumes without fetching again what it had`()
        async throws
    {
        let size = 12 << 20
        let content = OriginContent(
            files: [
                OriginFile(name: "large.bin", size: size, seed: 7), OriginFile(name: "small.bin", size: 9, seed: 8),
            ], bytesPerSecond: 4 << 20
        ) { name, number in
            name == "large.bin" && number == 1 ? .stall(afterBytes: size / 2) : .none
        }
        try await TestStack.with(content) { stack in
            try await stack.serve(["DOWNLOAD__MAX_CONCURRENT_DOWNLOADS": "1"])
            try stack.work()
            let id = try await stack.add("large.bin")
            try await stack.until("bytes arrive") {
                try await stack.record(id).progress.map { $0.completed > 2 << 20 } ?? false
            }
            _ = try await stack.post("/api/downloads/\(id)/pause")
            try await stack.until(id, is: "paused")
            let kept = try await stack.download(id)["bytes_downloaded"].int ?? 0
            #expect(kept > 2 << 20)
            let small = try await stack.add("small.bin")
            try await stack.until(small, is: "completed")
            _ = try await stack.post("/api/downloads/\(id)/resume")
            try await stack.until(id, is: "completed")
            #expect(try stack.hasRightBytes("large.bin"))
            let servings = stack.origin.servings.filter { $0.name == "large.bin" }
            try #require(servings.count == 2)
            #expect(servings[1].status == 206 && servings[1].from >= kept)
            #expect(try await stack.record(id).failures == 0)
            await #expect(throws: CommandFailure.self) { try await stack.post("/api/downloads/\(id)/resume") }
        }
    }

    @Test func `a waiting retry holds no slot, and a failed download runs again by hand`() async throws {
        let content = OriginContent(
            files: [
                OriginFile(name: "late.bin", size: 5000, seed: 1), OriginFile(name: "other.bin", size: 5000, seed: 2),
                OriginFile(name: "broken.bin", size: 5000, seed: 3), OriginFile(name: "soon.bin", size: 5000, seed: 4),
            ], bytesPerSecond: 1 << 30
        ) { name, number in
            // Long enough that it still waits, however slow the test is.
            if name == "late.bin", number == 1 { return .unavailable(retryAfter: 600) }
            return ["broken.bin", "soon.bin"].contains(name) && number == 1 ? .unavailable(retryAfter: 1) : .none
        }
        try await TestStack.with(content) { stack in
            try await stack.serve(["DOWNLOAD__MAX_CONCURRENT_DOWNLOADS": "1"])
            try stack.work()
            let late = try await stack.add("late.bin", priority: 5)
            try await stack.until("it waits for its retry") {
                try await stack.download(late)["retry_at"].string != nil
            }
            let other = try await stack.add("other.bin")
            try await stack.until(other, is: "completed")
            #expect(try await stack.status(late) == "queued")
            let run = try await stack.martlet("job", "run", late)
            #expect(run.status == 0, "\(run.errors)")
            try await stack.until(late, is: "completed")
            #expect(try await stack.record(late).priority == 5)
            let soon = try await stack.add("soon.bin")
            try await stack.until(soon, is: "completed")
            #expect(stack.origin.servings.count { $0.name == "soon.bin" } >= 2, "it was retried by itself")
            let broken = try await stack.add("broken.bin", maxRetries: 0)
            try await stack.until(broken, is: "failed")
            let retried = try await stack.martlet("download", "retry", broken)
            #expect(retried.status == 0)
            try await stack.until(broken, is: "completed")
            #expect(try stack.hasRightBytes("broken.bin"))
        }
    }

    @Test(arguments: ["0", "11"])
    func `a limit out of its range is refused by environment, file and API with its name and range`(_ value: String)
        async throws
    {
        let content = OriginContent(files: [], bytesPerSecond: 1)
        try await TestStack.with(content) { stack in
            let name = "DOWNLOAD__MAX_CONCURRENT_DOWNLOADS"
            let fromEnvironment = try await stack.martlet("serve", environment: [name: value])
            #expect(fromEnvironment.status == 78)
            #expect(fromEnvironment.errors.contains(name) && fromEnvironment.errors.contains("1 to 10"))
            #expect(fromEnvironment.output.isEmpty)
            let path = stack.directory + "/config.json"
            try Data("{\"download\": {\"max_concurrent_downloads\": \(value)}}".utf8)
                .write(to: URL(filePath: path))
            let fromFile = try await stack.martlet("serve", "--config", path)
            #expect(fromFile.status == 78)
            #expect(fromFile.errors.contains("max_concurrent_downloads") && fromFile.errors.contains("1 to 10"))
            try await stack.serve()
            let body = JSONValue.object(["max_concurrent_downloads": .integer(try #require(Int(value)))])
            let failure = await #expect(throws: CommandFailure.self) {
                try await stack.put("/api/downloads/concurrency", body)
            }
            let message = failure?.message ?? ""
            #expect(message.contains("max_concurrent_downloads") && message.contains("10"), "\(message)")
        }
    }
}

extension TestStack {
    /// How many downloads were active, each time that somebody from outside looked.
    fileprivate func observe(for time: Duration) async throws -> [Int] {
        var seen: [Int] = []
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            seen.append(try await downloads.status()?.jobs[.active] ?? 0)
            try await Task.sleep(for: .milliseconds(2))
        }
        return seen
    }
}
