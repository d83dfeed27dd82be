// All queues under one prefix of one Redis: the connection, the registry of names, and the pause of all.

public import Logging
import MartletJobs
public import MartletRedis
public import ServiceLifecycle
import Synchronization

/// All queues under one prefix of one Redis.
///
/// A service: `run()` owns the connections, and nothing is answered before it runs.
public final class JobStore: Service, Sendable {
    /// The first part of every key.
    public let prefix: String
    let redis: RedisClient
    let waiter: RedisListWaiter
    let durable: DurableLane
    let scripts: ScriptTable
    let atomicPushes = Turnstile()
    let memory = MemoryGuard()
    private let known = KnownQueues()
    let queuesKey: String
    let globalKey: String

    /// A store on this Redis.
    ///
    /// - Parameters:
    ///   - configuration: where Redis is.
    ///   - prefix: the first part of every key; it must not be empty nor contain a brace.
    ///   - confirmationLimit: how long a push above ``Durability/memory`` waits to be confirmed.
    ///   - logger: gets a line for each change of a connection.
    public convenience init(
        redis configuration: RedisConfiguration, prefix: String = "martlet",
        confirmationLimit: Duration = .seconds(1), logger: Logger
    ) {
        self.init(
            redis: configuration, prefix: prefix, scripts: .shipped, confirmationLimit: confirmationLimit,
            logger: logger)
    }

    /// A store that runs these scripts.
    package init(
        redis configuration: RedisConfiguration, prefix: String, scripts: ScriptTable,
        confirmationLimit: Duration = .seconds(1), logger: Logger
    ) {
        precondition(
            !prefix.isEmpty && !prefix.contains { "{}".contains($0) }, "a prefix has no braces and is not empty")
        self.prefix = prefix
        self.scripts = scripts
        let firstLook: @Sendable () -> FirstLook? = { [known] in known.firstLook() }
        redis = RedisClient(configuration, logger: logger, firstLook: firstLook)
        waiter = RedisListWaiter(configuration, beside: redis, logger: logger)
        durable = DurableLane(
            configuration, beside: redis, limit: confirmationLimit, logger: logger, firstLook: firstLook)
        queuesKey = prefix + ":queues"
        globalKey = prefix + ":global"
    }

    /// Holds the connections until the task is cancelled or the service group shuts down.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                async let durable: Void = self.durable.run()
                try await self.redis.run()
                // What still waits for its confirmation gets it.
                try await durable
            }
            group.addTask { try await self.waiter.run() }
            group.addTask { try await self.forgetLevels() }
            try await group.next()
            group.cancelAll()
        }
    }

    /// What is shared by the callers of each queue that was asked for.
    var knownCalls: [QueueName: QueueCalls] { known.all }

    /// Has the next push of each queue look again how safe the queue wants it.
    private func forgetLevels() async throws {
        while true {
            try await Task.sleep(for: .seconds(5))
            for queue in known.all.values { queue.level.store(-1, ordering: .relaxed) }
        }
    }

    /// The queue with this name.
    ///
    /// It is created by the first write to it.
    public func queue(_ name: QueueName) -> Queue {
        let calls = known.calls(name) { QueueCalls(QueueKeys(prefix: prefix, queue: name), lane: redis.lane) }
        return Queue(name: name, store: self, calls: calls)
    }

    /// Whether the connection is up.
    public var isConnected: Bool { redis.isConnected }

    /// Why the last attempt to connect failed; `nil` while the connection is up, and before the first attempt has failed.
    public var connectionFailure: QueueError? { redis.connectionFailure.map { QueueError($0) } }

    /// Waits until the connection is up.
    public func waitUntilConnected(within limit: Duration) async throws(QueueError) {
        do throws(RedisError) { try await redis.waitUntilConnected(within: limit) } catch { throw QueueError(error) }
    }

    /// Asks Redis for a sign of life; the round trip's length.
    public func ping() async throws(QueueError) -> Duration {
        let start = ContinuousClock.now
        _ = try await command("PING")
        return ContinuousClock.now - start
    }

    /// Whether Redis follows another server, and so takes no writes; false where it may not be asked.
    public func isReplica() async throws(QueueError) -> Bool {
        do throws(QueueError) {
            return KnownQueues.role(try await command("HELLO", "2")).map { $0 != "master" } ?? false
        } catch {
            guard case .refused = error.kind else { throw error }
            return false
        }
    }

    /// What Redis says of itself: all fields of `INFO`.
    public func serverInformation() async throws(QueueError) -> [String: String] {
        try await command("INFO").informationFields
    }

    /// One of Redis' own settings; `nil` when it does not know it.
    public func serverSetting(_ name: String) async throws(QueueError) -> String? {
        let reply = try await command("CONFIG", "GET", name)
        return reply.array?.dropFirst().first?.string
    }

    /// The names of all queues, sorted.
    public func queueNames() async throws(QueueError) -> [QueueName] {
        let members = try await command("SMEMBERS", queuesKey).array ?? []
        return members.compactMap { $0.string.flatMap { QueueName($0) } }.sorted()
    }

    /// Pauses all queues, those too that come later.
    ///
    /// Once this returns, no claim happens anywhere.
    public func pauseAll(reason: String? = nil, by who: String? = nil) async throws(QueueError) {
        try await setGlobalPause(true, reason: reason ?? "", who: who ?? "")
    }

    /// Ends the pause of all queues; a queue that was paused by itself stays so.
    public func resumeAll() async throws(QueueError) { try await setGlobalPause(false, reason: "", who: "") }

    /// The pause of all queues.
    public func globalPause() async throws(QueueError) -> QueuePause? {
        let flag = try await globalFlag()
        return flag.paused ? QueuePause(reason: flag.reason, by: flag.by, at: nil) : nil
    }

    /// Brings every queue's flag in line with the global one; mends what a pause cut short left.
    public func repairGlobalPause() async throws(QueueError) {
        let flag = try await globalFlag()
        for name in try await queueNames() { try await flag.apply(to: queue(name)) }
    }

    // First the global flag, then the registry, then every queue: a queue that is created meanwhile is either in the
    // registry already, or reads the flag after it was set.
    private func setGlobalPause(_ paused: Bool, reason: String, who: String) async throws(QueueError) {
        let request = RedisRequest.script(
            scripts.global, keys: RedisArguments(globalKey),
            arguments: RedisArguments(paused ? "1" : "0", reason, who))
        let value = try await send(request)
        guard let version = value.int else { throw .broken("global", value) }
        let flag = GlobalFlag(paused: paused, version: version, reason: reason, by: who)
        for name in try await queueNames() { try await flag.apply(to: queue(name)) }
    }

    /// Registers a queue, then reads the global flag, then creates it with that flag.
    func register(_ name: QueueName) async throws(QueueError) -> GlobalFlag {
        // The registry counts what it takes, so that a queue that is not in it any more can be told from one that a
        // restored registry never had.
        try await identify()
        if try await command("SISMEMBER", queuesKey, name.description).int == 0 {
            _ = try await command("HINCRBY", globalKey, "registered", "1")
        }
        _ = try await command("SADD", queuesKey, name.description)
        return try await globalFlag()
    }

    private func globalFlag() async throws(QueueError) -> GlobalFlag {
        let fields = Queue.words(try await command("HGETALL", globalKey).array ?? [])
        return GlobalFlag(
            paused: fields["paused"] == "1", version: fields["version"].flatMap { Int($0) } ?? 0,
            reason: fields["reason"] ?? "", by: fields["by"] ?? "")
    }

    func command(_ words: String...) async throws(QueueError) -> RedisValue {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return try await send(.command(arguments))
    }

    private func send(_ request: RedisRequest) async throws(QueueError) -> RedisValue {
        do throws(RedisError) { return try await redis.send(request) } catch { throw QueueError(error) }
    }
}

/// The flag that pauses all queues, with the version that orders its changes.
struct GlobalFlag {
    var paused: Bool
    var version: Int
    var reason: String
    var by: String

    func apply(to queue: Queue) async throws(QueueError) {
        _ = try await queue.run(
            .configure, RedisArguments("pause_all", paused ? "1" : "0", "\(version)", reason, by))
    }
}

extension Queue {
    /// Creates the queue if it does not exist; it takes part in a pause of all from its first moment.
    public func create() async throws(QueueError) {
        let flag = try await store.register(name)
        var arguments = RedisArguments("create")
        arguments.append(flag.paused ? "1" : "0")
        arguments.append(flag.version)
        arguments.append(JobStore.newEpoch())
        _ = try await run(.configure, arguments)
    }

    /// Waits for a sign that there may be work: true at once when a token came, false when the time is over.
    ///
    /// Tokens are hints; a worker that only polls is correct too.
    public func waitForWork(atMost limit: Duration) async throws(CancellationError) -> Bool {
        try await store.waiter.wait(for: keys.wake, atMost: limit)
    }
}
