// The store: all queues under one prefix of one Redis, and its connections.

public import Logging
import MartletJobs
public import MartletRedis
public import ServiceLifecycle
import Synchronization

/// All queues under one key prefix of one Redis.
///
/// The store is a `Service`: `run()` owns the connections, and operations succeed only while it runs.
///
/// ```swift
/// let store = JobStore(redis: try RedisConfiguration(url: "redis://127.0.0.1:6379"), logger: logger)
/// let connection = Task { try await store.run() }
/// try await store.waitUntilConnected(within: .seconds(5))
/// let queue = store.queue(.default)
/// ```
public final class JobStore: Service, Sendable {
    /// The first part of every key.
    public let prefix: String
    let redis: RedisClient
    let waiter: RedisListWaiter
    let durable: DurableConnection
    let scripts: ScriptTable
    let atomicPushes = AsyncSemaphore(bytes: 64 << 20)
    let memory = MemoryGuard()
    let known = KnownQueues()
    /// The listeners to events, and the connection that reads for them while there are any.
    let listeners = EventHub()
    let eventConnection = Mutex<RedisClient?>(nil)
    let logger: Logger
    /// The tracer of the program; `nil` for none.
    package let tracing = ProgramTracing()
    /// The environment's settings of queues; see ``setEnvironment(_:of:)``.
    let environments = Mutex<[QueueName: QueueSettingsChange]>([:])
    /// The most queues; see ``limitQueues(to:)``.
    let queueLimit = Atomic(JobStore.standardQueueLimit)
    let queuesKey: String
    let globalKey: String

    /// Creates a store.
    ///
    /// - Parameters:
    ///   - configuration: the Redis server.
    ///   - prefix: the first part of every key; not empty, without braces.
    ///   - confirmationLimit: how long a push above ``Durability/memory`` waits for its confirmation; 1 s by default.
    ///   - logger: receives connection changes.
    public convenience init(
        redis configuration: RedisConfiguration, prefix: String = "martlet",
        confirmationLimit: Duration = .seconds(1), logger: Logger
    ) {
        self.init(
            redis: configuration, prefix: prefix, scripts: .shipped, confirmationLimit: confirmationLimit,
            logger: logger)
    }

    /// Creates a store with these scripts.
    package init(
        redis configuration: RedisConfiguration, prefix: String, scripts: ScriptTable,
        confirmationLimit: Duration = .seconds(1), logger: Logger
    ) {
        precondition(
            !prefix.isEmpty && !prefix.contains { "{}".contains($0) }, "a prefix has no braces and is not empty")
        self.prefix = prefix
        self.scripts = scripts
        self.logger = logger
        let initialRequests: @Sendable () -> InitialRequests? = { [known] in known.initialRequests() }
        redis = RedisClient(configuration, logger: logger, initialRequests: initialRequests)
        waiter = RedisListWaiter(configuration, beside: redis, logger: logger)
        durable = DurableConnection(
            configuration, beside: redis, limit: confirmationLimit, logger: logger, initialRequests: initialRequests)
        queuesKey = prefix + ":queues"
        globalKey = prefix + ":global"
    }

    /// Where Redis is.
    package var redisConfiguration: RedisConfiguration { redis.configuration }

    /// Keeps the connections until the task is cancelled or the service group shuts down.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                async let durable: Void = self.durable.run()
                try await self.redis.run()
                // Pending confirmations are completed.
                try await durable
            }
            group.addTask { try await self.waiter.run() }
            group.addTask { await self.serveEvents() }
            group.addTask { try await self.forgetLevels() }
            group.addTask { try await self.keepLibraries() }
            try await group.next()
            group.cancelAll()
        }
    }

    /// The shared state of each known queue.
    var knownCalls: [QueueName: QueueCalls] { known.all }

    /// Makes the next push of each queue read the queue's durability again.
    private func forgetLevels() async throws {
        while true {
            try await Task.sleep(for: .seconds(5))
            for queue in known.all.values { queue.level.store(-1, ordering: .relaxed) }
        }
    }

    /// Opens a queue; the first write creates it.
    ///
    /// - Parameter name: the queue's name.
    /// - Returns: the queue. Opening it sends nothing to Redis.
    public func queue(_ name: QueueName) -> Queue {
        let calls = known.calls(name) {
            QueueCalls(QueueKeys(prefix: prefix, queue: name), connection: redis.eventLoop)
        }
        return Queue(name: name, store: self, calls: calls)
    }

    /// Whether the store is connected.
    public var isConnected: Bool { redis.isConnected }

    /// Why the last connection attempt failed; `nil` while connected, and before the first attempt has failed.
    public var connectionFailure: QueueError? { redis.connectionFailure.map { QueueError($0) } }

    /// Waits until the store is connected.
    ///
    /// - Parameter limit: the longest wait.
    /// - Throws: ``QueueError``.
    public func waitUntilConnected(within limit: Duration) async throws(QueueError) {
        do throws(RedisError) { try await redis.waitUntilConnected(within: limit) } catch { throw QueueError(error) }
    }

    /// Pings Redis.
    ///
    /// - Returns: the duration of the round trip.
    /// - Throws: ``QueueError``.
    public func ping() async throws(QueueError) -> Duration {
        let start = ContinuousClock.now
        _ = try await command("PING")
        return ContinuousClock.now - start
    }

    /// Whether Redis is a replica, which accepts no writes.
    ///
    /// - Returns: false also when the command is denied.
    /// - Throws: ``QueueError``.
    public func isReplica() async throws(QueueError) -> Bool {
        do throws(QueueError) {
            return KnownQueues.role(try await command("HELLO", "2")).map { $0 != "master" } ?? false
        } catch {
            guard case .refused = error.kind else { throw error }
            return false
        }
    }

    /// Reads all fields of `INFO`.
    ///
    /// - Returns: the fields.
    /// - Throws: ``QueueError``.
    public func serverInformation() async throws(QueueError) -> [String: String] {
        try await command("INFO").informationFields
    }

    /// Reads a Redis setting.
    ///
    /// - Parameter name: the setting.
    /// - Returns: its value; `nil` when Redis does not know it.
    /// - Throws: ``QueueError``.
    public func serverSetting(_ name: String) async throws(QueueError) -> String? {
        let reply = try await command("CONFIG", "GET", name)
        return reply.array?.dropFirst().first?.string
    }

    func command(_ words: String...) async throws(QueueError) -> RedisValue {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return try await send(.command(arguments))
    }

    func send(_ request: RedisRequest) async throws(QueueError) -> RedisValue {
        do throws(RedisError) { return try await redis.send(request) } catch { throw QueueError(error) }
    }
}

extension Queue {
    /// Waits for a wake token, a hint that there may be work.
    ///
    /// A worker that only polls is correct too.
    ///
    /// - Parameter limit: the longest wait.
    /// - Returns: true with a token, false after the limit.
    /// - Throws: `CancellationError` when the task is cancelled.
    public func waitForWork(atMost limit: Duration) async throws(CancellationError) -> Bool {
        try await store.waiter.wait(for: keys.wake, atMost: limit)
    }
}
