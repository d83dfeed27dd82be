// A store of its own for each test, on a real redis-server, audited when the test ends.

import Foundation
public import Logging
import MartletJobs
public import MartletQueue
public import MartletRedis
public import Testing

/// A store with its own prefix, and a look behind it.
public struct QueueHarness: Sendable {
    /// The store.
    public let store: JobStore
    /// A second connection, for what no client of ours does.
    public let redis: RedisClient
    /// The prefix of all its keys.
    public let prefix: String

    /// The queue with this name.
    public func queue(_ name: String = "q") -> Queue {
        guard let name = QueueName(name) else { preconditionFailure("no queue name: \(name)") }
        return store.queue(name)
    }

    /// Sends a command as it is.
    @discardableResult
    public func command(_ words: String...) async throws -> RedisValue {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return try await redis.send(.command(arguments))
    }

    /// The key of a queue.
    public func key(_ name: String, queue: String = "q") -> String { "\(prefix):{\(queue)}:\(name)" }

    /// Moves the clock of a queue's scripts by so much, counted from the real time.
    public func setClock(_ offset: Duration, queue name: String = "q") async throws {
        try await queue(name).create()
        let milliseconds = offset.components.seconds * 1000 + offset.components.attoseconds / 1_000_000_000_000_000
        try await command("HSET", key("meta", queue: name), "offset", "\(milliseconds)")
    }

    /// Claims as `worker`, with a number that rises by itself.
    public func claim(_ upTo: Int = 1, from queue: Queue, worker: String = "w") async throws -> [ClaimedJob] {
        let number = Int(Date().timeIntervalSince1970 * 1_000_000)
        return try await queue.claim(ClaimRequest(worker: worker, number: number, upTo: upTo)).jobs
    }
}

/// Runs a test with a store of its own on the shared server; ends with the audit of every queue.
public func withStore(
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @concurrent @Sendable (QueueHarness) async throws -> Void
) async throws {
    let url = try await SharedRedis.url()
    try await withStore(url: url, logger: logger, sourceLocation: sourceLocation, body)
}

/// The same on a server of the test's own.
public func withStore(
    url: String, logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @concurrent @Sendable (QueueHarness) async throws -> Void
) async throws {
    let configuration = try RedisConfiguration(url: url)
    let prefix = uniquePrefix()
    let harness = QueueHarness(
        store: JobStore(redis: configuration, prefix: prefix, logger: logger),
        redis: RedisClient(configuration, logger: logger), prefix: prefix)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await harness.store.run() }
        group.addTask { try await harness.redis.run() }
        defer { group.cancelAll() }
        try await harness.store.waitUntilConnected(within: .seconds(10))
        try await body(harness)
        for name in try await harness.store.queueNames() {
            let report = try await harness.store.queue(name).audit()
            #expect(report.findings.isEmpty, "audit of \(name)", sourceLocation: sourceLocation)
            #expect(report.ledgerDifference == 0, "ledger of \(name)", sourceLocation: sourceLocation)
        }
    }
}
