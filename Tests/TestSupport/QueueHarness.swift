// A separate store for each test, on a real redis-server, audited when the test ends.

import Foundation
public import Logging
import MartletJobs
public import MartletQueue
public import MartletRedis
import Synchronization
public import Testing

/// A store with its own prefix, and direct access to Redis.
public struct QueueHarness: Sendable {
    /// The store.
    public let store: JobStore
    /// The store as workers use it: behind the faults set by the environment, otherwise ``store``.
    public let far: JobStore
    /// A second connection, for raw commands.
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

    /// Sets the offset of a queue's clock from the real time.
    public func setClock(_ offset: Duration, queue name: String = "q") async throws {
        try await queue(name).create()
        let milliseconds = offset.components.seconds * 1000 + offset.components.attoseconds / 1_000_000_000_000_000
        try await command("HSET", key("meta", queue: name), "offset", "\(milliseconds)")
    }

    /// Claims as `worker`, with increasing call numbers.
    public func claim(_ upTo: Int = 1, from queue: Queue, worker: String = "w") async throws -> [ClaimedJob] {
        let request = ClaimRequest(worker: worker, number: nextClaimNumber(), upTo: upTo)
        return try await queue.claim(request).jobs
    }
}

private let lastClaimNumber = Mutex(0)

/// A number above all earlier ones, also of an earlier process and when the clock is set back meanwhile.
private func nextClaimNumber() -> Int {
    lastClaimNumber.withLock { last in
        last = max(last + 1, Int(Date().timeIntervalSince1970 * 1_000_000))
        return last
    }
}

/// The body of a test that uses a store.
public typealias StoreTest = @concurrent @Sendable (QueueHarness) async throws -> Void

/// A logger without output.
public let noLogger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// Runs a test with a store of its own on the shared server; ends with the audit of every queue.
///
/// The faults set by the environment affect only ``QueueHarness/far``.
public func withStore(
    logger: Logger = noLogger, sourceLocation: SourceLocation = #_sourceLocation, _ body: StoreTest
) async throws {
    let server = try await SharedRedis.server()
    try await withProxy(to: server.socketPath, salt: sourceLocation.line) { proxy in
        var connections = TestConnections(near: server.url, far: proxy?.url)
        // Nothing loses replies then; on a busy machine one may take long.
        if proxy == nil { connections.commandTimeout = .seconds(30) }
        try await connections.run(logger, sourceLocation, body)
    }
}

/// The same on the test's own server, without faults of the environment.
///
/// - Parameter commandTimeout: the timeout of commands; by default that of users.
public func withStore(
    url: String, commandTimeout: Duration? = nil, logger: Logger = noLogger,
    sourceLocation: SourceLocation = #_sourceLocation, _ body: StoreTest
) async throws {
    try await TestConnections(near: url, far: nil, commandTimeout: commandTimeout).run(logger, sourceLocation, body)
}

/// Runs a test in which every call is subject to the faults of the environment; without any, like ``withStore``.
///
/// A call with an unknown outcome ends the test's body; the audit must still be clean, and the test starts again with
/// another prefix. Every answer must be correct.
public func withFaultyStore(
    logger: Logger = noLogger, sourceLocation: SourceLocation = #_sourceLocation, _ body: StoreTest
) async throws {
    guard let faults = TestFaults.current else {
        return try await withStore(logger: logger, sourceLocation: sourceLocation, body)
    }
    let server = try await SharedRedis.server()
    try await withProxy(to: server.socketPath, salt: sourceLocation.line) { proxy in
        guard let proxy else { return }
        var connections = TestConnections(near: proxy.url, far: nil)
        connections.direct = server.url
        for _ in 0..<30 {
            do { return try await connections.run(logger, sourceLocation, body) } catch let error as QueueError {
                guard faults.losesReplies, error.isCutShort else { throw error }
            }
        }
        // A test with so many calls that one always fails: the last run shows that the faults were the cause.
        proxy.heal()
        try await connections.run(logger, sourceLocation, body)
    }
}

/// Runs `body` with the proxy set by the environment.
private func withProxy(
    to socketPath: String, salt: Int, _ body: (FaultProxy?) async throws -> Void
) async throws {
    guard let faults = TestFaults.current else { return try await body(nil) }
    let proxy = try await FaultProxy.start(to: socketPath)
    proxy.roll(faults.dice(salt: salt))
    let result: Result<Void, any Error>
    do { result = .success(try await body(proxy)) } catch { result = .failure(error) }
    await proxy.stop()
    try result.get()
}

extension QueueError {
    /// Whether the connection failed, not the queue.
    fileprivate var isCutShort: Bool { kind == .unknown || kind == .notExecuted(.unavailable) }
}

/// The connections of one test.
private struct TestConnections {
    /// Where its calls go.
    var near: String
    /// Where its workers' calls go, if elsewhere.
    var far: String?
    /// Where the second connection and the audit go.
    var direct: String?
    /// How long a command may take, where that is not a user's default.
    var commandTimeout: Duration?

    func run(_ logger: Logger, _ sourceLocation: SourceLocation, _ body: StoreTest) async throws {
        let prefix = uniquePrefix()
        let store = try store(near, prefix, logger)
        let distant = try far.map { try self.store($0, prefix, logger) }
        let honest = try direct.map { try self.store($0, prefix, logger) }
        var own = try RedisConfiguration(url: direct ?? near)
        // These are the test's own commands: on a busy machine a reply may take long.
        own.commandTimeout = .seconds(30)
        let redis = RedisClient(own, logger: logger)
        let harness = QueueHarness(store: store, far: distant ?? store, redis: redis, prefix: prefix)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for store in [store, distant, honest] {
                if let store { group.addTask { try await store.run() } }
            }
            group.addTask { try await redis.run() }
            defer { group.cancelAll() }
            try await (honest ?? store).waitUntilConnected(within: .seconds(30))
            let result: Result<Void, any Error>
            do { result = .success(try await body(harness)) } catch { result = .failure(error) }
            // After a fault the store must still be consistent; after a failed test the audit adds nothing.
            if direct == nil { try result.get() }
            try await audit(honest ?? store, sourceLocation)
            try result.get()
        }
    }

    private func store(_ url: String, _ prefix: String, _ logger: Logger) throws -> JobStore {
        var configuration = try RedisConfiguration.ofTests(url: url)
        if let commandTimeout { configuration.commandTimeout = commandTimeout }
        // Lost replies are common here, so the timeout is short.
        let isFaulty = url != direct && (direct != nil || url == far)
        if isFaulty, TestFaults.current?.losesReplies == true { configuration.commandTimeout = .milliseconds(700) }
        return JobStore(redis: configuration, prefix: prefix, logger: logger)
    }

    private func audit(_ store: JobStore, _ sourceLocation: SourceLocation) async throws {
        for name in try await store.queueNames() {
            let report = try await store.queue(name).audit()
            #expect(report.findings.isEmpty, "audit of \(name)", sourceLocation: sourceLocation)
            #expect(report.ledgerDifference == 0, "ledger of \(name)", sourceLocation: sourceLocation)
        }
    }
}
