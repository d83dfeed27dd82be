// Restarts: of Redis in the middle of the load, and of everything during a pause.

import FoundationEssentials
import MartletQueue
import MartletRedis
import Testing

@testable import MartletCLI

private func files(_ count: Int, size: Int, bytesPerSecond: Int) -> OriginContent {
    OriginContent(
        files: (0..<count).map { OriginFile(name: "file-\($0).bin", size: size + $0, seed: UInt64($0)) },
        bytesPerSecond: bytesPerSecond)
}

@Suite(.serialized) struct RestartTests {
    @Test func `downloads finish by themselves when Redis is killed and started again in mid-load`() async throws {
        try await House.with(files(16, size: 400_000, bytesPerSecond: 600_000)) { house in
            try await house.serve()
            try house.work()
            try house.work()
            let names = house.origin.content.files.map(\.name)
            let ids = try await house.add(names)
            try await house.until("some are done") { try await house.downloads.status()?.completedEver ?? 0 >= 4 }
            house.redis.kill()
            try await house.redis.restart()
            for id in ids { try await house.until(id, is: "completed", within: .seconds(40)) }
            for name in names { #expect(try house.hasRightBytes(name)) }
            #expect(try await house.downloads.status()?.completedEver == ids.count)
        }
    }

    @Test func `a pause of all queues outlives a restart of everything`() async throws {
        try await House.with(files(4, size: 50_000, bytesPerSecond: 10_000_000)) { house in
            let server = try await house.serve()
            let worker = try house.work()
            let paused = try await house.martlet("pause", "--reason", "moving house")
            #expect(paused.status == 0)
            let ids = try await house.add(house.origin.content.files.map(\.name))
            try await house.untilWorking()
            await worker.stop()
            await server.stop()
            #expect(worker.status == 0, "the worker ends in order")
            #expect(server.status == 0, "the server ends in order")
            await house.redis.stop()
            try await house.redis.restart()
            try await house.store.waitUntilConnected(within: .seconds(10))
            try await house.serve()
            try house.work()
            try await house.untilWorking()
            // Long enough for several polls of the worker.
            let end = ContinuousClock.now + .milliseconds(2500)
            while ContinuousClock.now < end {
                let status = try await house.get("/api/downloads/status")
                #expect(status["paused"].bool == true)
                #expect(status["active_downloads"].int == 0 && status["queued_downloads"].int == ids.count)
                try await Task.sleep(for: .milliseconds(250))
            }
            #expect(house.origin.servings.isEmpty)
            #expect(try await house.downloads.status()?.pausedAll?.reason == "moving house")
            #expect(try await house.martlet("resume").status == 0)
            for id in ids { try await house.until(id, is: "completed") }
        }
    }
}

extension House {
    /// Waits until a worker has said that it lives.
    fileprivate func untilWorking() async throws {
        try await until("a worker is there") {
            try await downloads.workers().contains { $0.silentFor < .seconds(1) }
        }
    }
}
