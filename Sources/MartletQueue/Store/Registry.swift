// The registry of queue names, the limit of queues, and the pause of all queues.

import MartletRedis
import Synchronization

extension JobStore {
    /// The default limit of queues; see ``limitQueues(to:)``.
    public static let standardQueueLimit = 1000

    /// Sets the most queues; a queue beyond it is not created.
    ///
    /// It applies to queues created by this process. Existing queues are not affected.
    ///
    /// - Parameter count: the most queues, at least 1.
    public func limitQueues(to count: Int) { queueLimit.store(max(count, 1), ordering: .relaxed) }

    /// Lists all queues.
    ///
    /// - Returns: the names, sorted.
    /// - Throws: ``QueueError``.
    public func queueNames() async throws(QueueError) -> [QueueName] {
        let members = try await command("SMEMBERS", queuesKey).array ?? []
        return members.compactMap { $0.string.flatMap { QueueName($0) } }.sorted()
    }

    /// Registers a queue, reads the global flag, then creates the queue with that flag.
    func register(_ name: QueueName) async throws(QueueError) -> GlobalFlag {
        // The registry counts its names, so that a removed queue can be distinguished from one that a restored registry
        // never had.
        try await identify()
        if try await !isRegistered(name) {
            let limit = queueLimit.load(ordering: .relaxed)
            if try await command("SCARD", queuesKey).int ?? 0 >= limit { throw Self.tooMany(name, limit) }
            _ = try await command("HINCRBY", globalKey, "registered", "1")
            let request = RedisRequest.function(
                scripts[.register], keys: RedisArguments(queuesKey), arguments: RedisArguments("\(name)", "\(limit)"))
            guard try await send(request).int == 1 else { throw Self.tooMany(name, limit) }
        }
        return try await globalFlag()
    }

    /// Whether the registry has the name.
    func isRegistered(_ name: QueueName) async throws(QueueError) -> Bool {
        try await command("SISMEMBER", queuesKey, name.description).int == 1
    }

    private static func tooMany(_ name: QueueName, _ limit: Int) -> QueueError {
        QueueError(
            .refused(.tooManyQueues(limit)),
            message:
                "the queue \(name) is not created: there are \(limit) queues already; delete one that is empty, or "
                + "raise the limit")
    }

    /// Adds queues of this process that have data but are not registered back to the registry.
    ///
    /// A deletion removes the name before its last check; a process that died in between leaves such a queue.
    private func repairRegistry(_ names: [QueueName]) async throws(QueueError) {
        let missing = Set(knownCalls.keys).subtracting(names).sorted()
        let replies = await redis.send(missing.map { .command("EXISTS", "\(prefix):{\($0)}:meta") })
        for (name, reply) in zip(missing, replies) where (try? reply.get().int) == 1 {
            _ = try await command("SADD", queuesKey, name.description)
        }
    }
}

extension JobStore {
    /// Pauses all queues, including later ones; after this returns, no claim happens.
    ///
    /// - Parameters:
    ///   - reason: why, for other operators.
    ///   - who: who pauses the queues.
    /// - Throws: ``QueueError`` that names the queues that could not be paused; all others are paused.
    public func pauseAll(reason: String? = nil, by who: String? = nil) async throws(QueueError) {
        try await setGlobalPause(true, reason: reason ?? "", who: who ?? "", nil)
    }

    /// The same, recorded in the audit trail.
    package func pauseAll(reason: String?, as author: TrailAuthor?, by who: String) async throws(QueueError) {
        try await setGlobalPause(true, reason: reason ?? "", who: who, author)
    }

    /// Ends the pause of all queues; queues with their own pause remain paused.
    ///
    /// - Throws: ``QueueError``.
    public func resumeAll() async throws(QueueError) { try await resumeAll(as: nil) }

    /// The same, recorded in the audit trail.
    package func resumeAll(as author: TrailAuthor?) async throws(QueueError) {
        try await setGlobalPause(false, reason: "", who: "", author)
    }

    /// Reads the pause of all queues.
    ///
    /// - Returns: the pause; `nil` when there is none.
    /// - Throws: ``QueueError``.
    public func globalPause() async throws(QueueError) -> QueuePause? {
        let flag = try await globalFlag()
        return flag.paused ? QueuePause(reason: flag.reason, by: flag.by, at: nil) : nil
    }

    /// Sets every queue's copy of the global flag; repairs an interrupted pause.
    ///
    /// - Throws: ``QueueError`` that names the queues where that failed; the others are up to date.
    public func repairGlobalPause() async throws(QueueError) {
        let flag = try await globalFlag()
        let names = try await queueNames()
        try await repairRegistry(names)
        try await apply(flag, to: names)
    }

    // First the global flag, then the registry, then every queue: a queue created meanwhile is either registered
    // already or reads the new flag.
    private func setGlobalPause(
        _ paused: Bool, reason: String, who: String, _ author: TrailAuthor?
    ) async throws(QueueError) {
        let arguments = RedisArguments(paused ? "1" : "0", reason, who)
        let request = RedisRequest.function(
            scripts[.global], keys: RedisArguments(globalKey, trailKey),
            arguments: author?.recording(arguments) ?? arguments)
        let value = try await send(request)
        guard let version = value.int else { throw .broken("global", value) }
        let flag = GlobalFlag(paused: paused, version: version, reason: reason, by: who)
        // The flag is set: any later error is a partial one.
        do throws(QueueError) { try await apply(flag, to: try await queueNames()) } catch { throw error.afterPart }
    }

    /// Applies the flag to each queue separately, so that one failure does not affect others.
    private func apply(_ flag: GlobalFlag, to names: [QueueName]) async throws(QueueError) {
        var failed: [QueueName: QueueError] = [:]
        var worst: QueueError?
        for name in names {
            do throws(QueueError) { try await flag.apply(to: queue(name)) } catch {
                failed[name] = error
                // A fault of Redis concerns more than one queue's own.
                if worst.map({ $0.isOfOneQueue && !error.isOfOneQueue }) ?? true { worst = error }
                // Without a connection the others would fail too.
                if error.kind == .notExecuted(.unavailable) { break }
            }
        }
        guard var error = worst else { return }
        let queues = failed.keys.sorted().map(\.description).joined(separator: ", ")
        error.message = "queue \(queues): \(error.message)"
        error.byQueue = failed
        throw error
    }

    private func globalFlag() async throws(QueueError) -> GlobalFlag {
        let fields = Queue.words(try await command("HGETALL", globalKey).array ?? [])
        return GlobalFlag(
            paused: fields["paused"] == "1", version: fields["version"].flatMap { Int($0) } ?? 0,
            reason: fields["reason"] ?? "", by: fields["by"] ?? "", listenUntil: fields["listen_until"] ?? "")
    }
}

/// The flag that pauses all queues, with the version that orders its changes.
struct GlobalFlag {
    var paused: Bool
    var version: Int
    var reason: String
    var by: String
    /// Until when anybody listens to the events of all queues, in ms; empty if nobody ever did.
    var listenUntil = ""

    /// Sets the flag of a queue.
    ///
    /// A registered queue without data is being created and may have read an older flag: it is created with this one.
    /// An unregistered one was deleted and stays so.
    func apply(to queue: Queue) async throws(QueueError) {
        let arguments = RedisArguments("pause_all", paused ? "1" : "0", "\(version)", reason, by)
        if try await queue.read(.configure, arguments) == nil, try await queue.store.isRegistered(queue.name) {
            _ = try await queue.run(.configure, arguments)
        }
    }
}

extension Queue {
    /// Creates the queue if it does not exist; a pause of all queues and the environment's settings apply to it at once.
    ///
    /// - Throws: ``QueueError``.
    public func create() async throws(QueueError) {
        let flag = try await store.register(name)
        var arguments = RedisArguments("create")
        arguments.append(flag.paused ? "1" : "0")
        arguments.append(flag.version)
        arguments.append(JobStore.newEpoch())
        arguments.append(flag.listenUntil)
        _ = try await run(.configure, arguments)
        try await applyEnvironmentIfPresent()
    }
}
