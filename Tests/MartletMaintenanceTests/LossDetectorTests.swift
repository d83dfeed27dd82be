// Real servers that forget: a flush, an older file under a running service, a failover to a replica that lags.

import FoundationEssentials
import Logging
import MartletJobs
import MartletQueue
import MartletRedis
import MartletTelemetry
import TestSupport
import Testing

@testable import MartletMaintenance

@Suite(.serialized) struct LossDetectorTests {
    @Test func `a flush is noticed with the number of jobs, and what is pushed then works`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("flush"))
        try await withWatch(server.url) { watch in
            try await watch.push(100)
            try await watch.remember(100)
            try await watch.push(10)
            try await ask(server, "FLUSHALL")
            let loss = try await watch.noticed()
            #expect(loss.missing == 110)
            try await watch.shows(#"martlet_possible_loss_total{queue="default"} 110"#)
            try await watch.shows(#"martlet_possible_loss_jobs{queue="default"} 110"#)
            try await watch.push(5)
            try await watch.remember(5)
            #expect(watch.service.losses.count == 1, "a new beginning is no second loss")
            try LossFile(directory: watch.directory, prefix: watch.store.prefix).accept(at: Int(Int64.max / 2))
            try await eventually("it is accepted") { watch.service.losses.isEmpty }
            try await watch.shows(#"martlet_possible_loss_jobs{queue="default"} 0"#)
        }
        await server.stop()
    }

    @Test func `a queue that was deleted is no loss, also when it is made anew at once`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("deleted"))
        try await withWatch(server.url) { watch in
            let queue = watch.store.queue(.default)
            try await watch.push(20)
            try await watch.remember(20)
            _ = try await queue.drain()
            #expect(try await queue.delete(finished: true) == .deleted(finished: 20))
            try await eventually("it is forgotten") { watch.service.memory.queues["default"] == nil }
            try await watch.push(3)
            try await watch.remember(3)
            for _ in 0..<20 {
                _ = try await queue.drain()
                _ = try await queue.delete(finished: true)
                try await watch.push(2)
            }
            try await watch.remember(2)
            #expect(watch.service.losses.isEmpty)
        }
        await server.stop()
    }

    @Test func `an older dump loaded under a running service is noticed with the number of jobs`()
        async throws
    {
        let directory = temporaryDirectory("restore")
        let server = try await PrivateRedisServer.start(directory: directory)
        try await withWatch(server.url) { watch in
            try await watch.push(40)
            try await ask(server, "SAVE")
            let old = try #require(FileManager.default.contents(atPath: "\(directory)/dump.rdb"))
            try await watch.push(20)
            try await watch.remember(60)
            try await watch.push(7)
            server.kill()
            try old.write(to: URL(filePath: "\(directory)/dump.rdb"))
            try await server.restart()
            // As many new jobs as are missing, and more: the counts alone would not tell.
            try await watch.push(50)
            let loss = try await watch.noticed()
            #expect(loss.missing == 27)
            #expect(loss.sign == .olderState)
            let file = LossFile(directory: watch.directory, prefix: watch.store.prefix)
            try await eventually("it is on disk too") { file.read().losses == [loss] }
        }
        await server.stop()
    }

    @Test func `a truncated append-only file is noticed with the number of jobs in the lost part`()
        async throws
    {
        let directory = temporaryDirectory("torn")
        let server = try await PrivateRedisServer.start(
            directory: directory, options: ["--appendonly", "yes", "--appendfsync", "always"])
        try await withWatch(server.url) { watch in
            try await watch.push(30)
            let file = "\(directory)/appendonlydir/appendonly.aof.1.incr.aof"
            let size = try #require(FileManager.default.contents(atPath: file)?.count)
            try await watch.push(3)
            try await watch.remember(33)
            server.kill()
            try await eventually("it is gone") { !server.isRunning }
            let torn = try #require(FileManager.default.contents(atPath: file)).prefix(size + 40)
            try torn.write(to: URL(filePath: file))
            try await server.restart()
            #expect(try await watch.noticed().missing == 3)
            let report = try await watch.store.queue(.default).audit()
            #expect(report.isClean)
        }
        await server.stop()
    }

    @Test func `a failover to a lagging replica is noticed with the number of jobs`() async throws {
        let pair = try await ReplicaPair.start()
        let front = temporaryDirectory("front") + "/redis.sock"
        try FileManager.default.createSymbolicLink(atPath: front, withDestinationPath: pair.primary.socketPath)
        try await withWatch("unix://\(front)") { watch in
            try await watch.push(50)
            try await eventually("the replica has them") {
                try await ask(pair.replica, "HGET", "\(watch.store.prefix):{default}:meta", "created").int == 50
            }
            // From here on it follows no more; what comes now is what a lag would cost.
            try await ask(pair.replica, "REPLICAOF", "NO", "ONE")
            try await watch.push(12)
            try await watch.remember(62)
            try await watch.push(1)
            pair.primary.kill()
            try FileManager.default.removeItem(atPath: front)
            try FileManager.default.createSymbolicLink(atPath: front, withDestinationPath: pair.replica.socketPath)
            #expect(try await watch.noticed().missing == 13)
        }
        await pair.stop()
    }

    @Test func `restarts, deletions and two servers report no loss, and a server's memory survives its restart`()
        async throws
    {
        let directory = temporaryDirectory("calm")
        let server = try await PrivateRedisServer.start(
            directory: directory, options: ["--appendonly", "yes", "--appendfsync", "always"])
        let state = temporaryDirectory("state")
        let prefix = uniquePrefix()
        try await withWatch(server.url, prefix: prefix, directory: state) { watch in
            try await withWatch(server.url, prefix: prefix) { other in
                try await watch.push(20)
                try await other.push(20)
                server.kill()
                try await server.restart()
                try await watch.push(20)
                _ = try await watch.store.queue(.default).control(
                    .cancel, try await watch.store.queue(.default).list(limit: 50).jobs.map(\.id))
                try await watch.remember(60)
                try await other.remember(60)
                #expect(watch.service.losses.isEmpty && other.service.losses.isEmpty)
            }
            // A second server with the same directory goes on without it.
            try await withWatch(server.url, prefix: prefix, directory: state) { second in try await second.remember(60)
            }
        }
        try await ask(server, "HSET", "\(prefix):{default}:meta", "created", "58")
        try await withWatch(server.url, prefix: prefix, directory: state) { watch in
            let loss = try await watch.noticed()
            #expect(loss.missing == 2)
        }
        await server.stop()
    }
}

/// A store, the service that watches it, and its state directory.
private struct Watch {
    let store: JobStore
    let service: LossDetector
    let metrics: PrometheusRegistry
    let directory: String

    func push(_ count: Int) async throws {
        for _ in 0..<count {
            let job = NewJob(type: "t", payload: Array("{}".utf8))
            // After a crash the first tries may fail; the same id never makes two of them.
            try await eventually("a push is taken") {
                (try? await store.queue(.default).enqueue(job)) != nil
            }
        }
    }

    /// Waits for a look that knows so many jobs.
    func remember(_ created: Int) async throws {
        try await eventually("\(created) jobs are remembered") {
            service.memory.queues["default"]?.created == created
        }
    }

    func noticed() async throws -> PossibleLoss {
        try await eventually("a loss is noticed") { !service.losses.isEmpty }
        return try #require(service.losses.first)
    }

    /// Waits until the metrics have this line; a check sets them after the losses.
    func shows(_ line: String) async throws {
        try await eventually("the metrics show \(line)") { await metrics.scrape().contains(line + "\n") }
    }
}

private func withWatch(
    _ url: String, prefix: String = uniquePrefix(), directory: String = temporaryDirectory("state"),
    _ body: @Sendable (Watch) async throws -> Void
) async throws {
    let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    var redis = try RedisConfiguration(url: url)
    // The reply to a repeated push has no count, so a push that a busy machine delays must not be repeated.
    redis.commandTimeout = .seconds(30)
    let store = JobStore(redis: redis, prefix: prefix, logger: quiet)
    let metrics = PrometheusRegistry()
    let service = LossDetector(
        store: store, directory: directory, interval: .milliseconds(100), logger: quiet, metrics: metrics)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await store.run() }
        group.addTask { await service.run() }
        defer { group.cancelAll() }
        try await store.waitUntilConnected(within: .seconds(30))
        try await body(Watch(store: store, service: service, metrics: metrics, directory: directory))
    }
}
