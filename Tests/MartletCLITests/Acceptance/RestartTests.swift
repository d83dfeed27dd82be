// Restarts: of Redis in the middle of the load, and of everything during a pause.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
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
        try await TestStack.with(files(16, size: 400_000, bytesPerSecond: 600_000)) { stack in
            try await stack.serve()
            try stack.work()
            try stack.work()
            let names = stack.origin.content.files.map(\.name)
            let ids = try await stack.add(names)
            // Not earlier than two seconds after the pushes: Redis holds back what it writes for so long during a sync.
            try await stack.until("some are done") { try await stack.downloads.status()?.completedEver ?? 0 >= 9 }
            stack.redis.kill()
            try await stack.redis.restart()
            for id in ids { try await stack.until(id, is: "completed", within: .seconds(120)) }
            for name in names { #expect(try stack.hasRightBytes(name)) }
            #expect(try await stack.downloads.status()?.completedEver == ids.count)
        }
    }

    @Test func `a pause of all queues survives a restart of everything`() async throws {
        try await TestStack.with(files(4, size: 50_000, bytesPerSecond: 10_000_000)) { stack in
            let server = try await stack.serve()
            let worker = try stack.work()
            let paused = try await stack.martlet("pause", "--reason", "moving house")
            #expect(paused.status == 0)
            let ids = try await stack.add(stack.origin.content.files.map(\.name))
            try await stack.untilWorking()
            #expect(await stack.end(worker) == 0, "the worker ends in order")
            #expect(await stack.end(server) == 0, "the server ends in order")
            await stack.redis.stop()
            try await stack.redis.restart()
            try await stack.store.waitUntilConnected(within: .seconds(30))
            try await stack.serve()
            try stack.work()
            try await stack.untilWorking()
            // Long enough for several polls of the worker.
            let end = ContinuousClock.now + .milliseconds(2500)
            while ContinuousClock.now < end {
                let status = try await stack.get("/api/downloads/status")
                #expect(status["paused"].bool == true)
                #expect(status["active_downloads"].int == 0 && status["queued_downloads"].int == ids.count)
                try await Task.sleep(for: .milliseconds(250))
            }
            #expect(stack.origin.servings.isEmpty)
            #expect(try await stack.downloads.status()?.pausedAll?.reason == "moving house")
            #expect(try await stack.martlet("resume").status == 0)
            for id in ids { try await stack.until(id, is: "completed") }
        }
    }
}

extension TestStack {
    /// Waits until a worker has said that it lives.
    fileprivate func untilWorking() async throws {
        try await until("a worker is there") {
            try await downloads.workers().contains { $0.sinceHeartbeat < .seconds(1) }
        }
    }
}
