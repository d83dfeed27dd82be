// The upkeep as a service that embeds it sees it: through its public interface, on a real Redis.

import FoundationEssentials
import Logging
import MartletJobs
import MartletMaintenance
import MartletQueue
import MartletRedis
import ServiceLifecycle
import TestSupport
import Testing

@Suite struct MaintenanceServiceTests {
    @Test func `scheduled jobs fall due, lost jobs come back and settings are applied without a server or a worker`()
        async throws
    {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("embedded"), options: ["--appendonly", "yes"])
        try await embed(server.url) { configuration in
            configuration.sweepInterval = .milliseconds(20)
            configuration.queueSettings = [.default: QueueSettingsChange(limit: 7, lease: .seconds(1))]
        } body: { store, maintenance in
            let queue = store.queue(.default)
            try await eventually("the settings are applied") {
                try await queue.status()?.settings.limit == 7
            }
            let lost = NewJob(type: "lost", payload: [1])
            _ = try await queue.enqueue(lost)
            let claim = try await queue.claim(ClaimRequest(worker: "dies", number: 1, upTo: 1))
            #expect(claim.jobs.map(\.id) == [lost.id])
            let later = NewJob(type: "later", payload: [1], delay: .milliseconds(50))
            _ = try await queue.enqueue(later)
            try await eventually("the scheduled job falls due") {
                try await queue.job(later.id)?.state == .queued
            }
            try await eventually("the lost job comes back") {
                try await queue.job(lost.id)?.state == .queued
            }
            try await eventually("Redis has passed its checks") { maintenance.status.isRedisFit }
            #expect(maintenance.status.missingJobs.isEmpty && !maintenance.status.refusesPushes)
        }
        await server.stop()
    }

    @Test func `a flush shows in the status`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("flushed"))
        let state = temporaryDirectory("state")
        try await embed(server.url) { configuration in
            configuration.lossInterval = .milliseconds(20)
            configuration.stateDirectory = state
        } body: { store, maintenance in
            for _ in 0..<30 { _ = try await store.queue(.default).enqueue(NewJob(type: "t", payload: [1])) }
            // A flush before the first check would look like a removal of the queue.
            let counts = "\(state)/acknowledged-\(store.prefix).json"
            try await eventually("a check has seen the jobs") {
                let text = (try? String(contentsOfFile: counts, encoding: .utf8)) ?? ""
                return text.filter { !$0.isWhitespace }.contains(#""created":30"#)
            }
            _ = try await ask(server, "FLUSHALL")
            try await eventually("the loss is noticed") { maintenance.status.missingJobs == ["default": 30] }
        }
        await server.stop()
    }

    @Test func `a Redis that may evict jobs ends the service with advice`() async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("evicting"),
            options: ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"])
        let store = JobStore(redis: try RedisConfiguration(url: server.url), logger: noLogger)
        let maintenance = MaintenanceService(store, logger: noLogger)
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            defer { group.cancelAll() }
            let error = await #expect(throws: MaintenanceError.self) { try await maintenance.run() }
            guard case .unfitRedis(let faults) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(faults.contains { $0.contains("noeviction") }, "\(faults)")
            #expect(!maintenance.status.isRedisFit)
        }
        await server.stop()
    }

    /// Runs the upkeep in a service group of its own while `body` runs, and shuts the group down in order.
    private func embed(
        _ url: String, configure: (inout MaintenanceConfiguration) -> Void,
        body: @Sendable (JobStore, MaintenanceService) async throws -> Void
    ) async throws {
        var redis = try RedisConfiguration(url: url)
        redis.commandTimeout = .seconds(30)
        let store = JobStore(redis: redis, prefix: uniquePrefix(), logger: noLogger)
        var configuration = MaintenanceConfiguration()
        configure(&configuration)
        let maintenance = MaintenanceService(store, configuration: configuration, logger: noLogger)
        let services = ServiceGroup(services: [store, maintenance], logger: noLogger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            do {
                try await store.waitUntilConnected(within: .seconds(30))
                try await body(store, maintenance)
            } catch {
                group.cancelAll()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }
}
