// The blocking connection of a process: waits for tokens in many lists with one BLPOP.

public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// Waits for tokens in Redis lists, for all tasks of a process on one connection.
///
/// One BLPOP covers all lists; when the set changes, CLIENT UNBLOCK ends it and the next one begins. Tokens are hints:
/// a lost connection can lose one, so callers must also poll.
///
/// ```swift
/// let waiter = RedisListWaiter(configuration, logger: logger)
/// let connection = Task { try await waiter.run() }
/// let hasToken = try await waiter.wait(for: "wake", atMost: .seconds(1))
/// connection.cancel()
/// ```
public final class RedisListWaiter: Service, Sendable {
    private typealias Machine = ListWaiterMachine<ReplyContinuation<Bool?>>

    // A server that denies CLIENT UNBLOCK must end the block itself soon.
    private static let longestTurn: Int64 = 30_000_000_000
    private static let longestTurnWithoutUnblock: Int64 = 1_000_000_000

    private let blocking: RedisClient
    private let control: RedisClient
    private let runsControl: Bool
    private let logger: Logger
    private let machine = Mutex(Machine())
    private let canUnblock = Atomic(true)
    /// Why the last wait failed; each reason is logged once.
    private let refusal = Mutex<RedisError.Code?>(nil)
    private let turnWanted = Signal()
    private let unblockWanted = Signal()

    /// Creates a waiter; it connects when ``run()`` runs.
    ///
    /// - Parameters:
    ///   - configuration: the server and the timeouts.
    ///   - control: a running client that sends CLIENT UNBLOCK; `nil` creates one.
    ///   - neighbour: the client on whose thread tokens arrive, if not that of `control`.
    ///   - logger: receives connection changes.
    public init(
        _ configuration: RedisConfiguration, control: RedisClient? = nil, beside neighbour: RedisClient? = nil,
        logger: Logger
    ) {
        let loop = (control ?? neighbour)?.core.loop ?? MultiThreadedEventLoopGroup.singleton.any()
        var own = configuration
        own.reportsMetrics = false
        own.clientName = configuration.clientName.map { "\($0)-control" }
        self.control = control ?? RedisClient(own, loop: loop, logger: logger)
        runsControl = control == nil
        own.asksForClientID = true
        own.clientName = configuration.clientName.map { "\($0)-blocking" }
        blocking = RedisClient(own, loop: loop, logger: logger)
        self.logger = logger
    }

    /// Waits for a token of a list.
    ///
    /// - Parameters:
    ///   - key: the list.
    ///   - limit: the longest wait.
    /// - Returns: true with a token; false after the limit, on a lost connection or on shutdown.
    /// - Throws: `CancellationError` when the task is cancelled.
    public func wait(for key: String, atMost limit: Duration) async throws(CancellationError) -> Bool {
        let id = blocking.core.nextIdentifier()
        let deadline = NIODeadline.now() + TimeAmount(limit)
        // If the timer fires before the waiter is registered, the waiter times out on registration.
        let timer = blocking.core.loop.scheduleTask(deadline: deadline) { self.expire(id) }
        defer { timer.cancel() }
        let hasToken: Bool? = await withTaskCancellationHandler {
            await withReplyContinuation { add(id, key, $0, Int64(clamping: deadline.uptimeNanoseconds)) }
        } onCancel: {
            cancel(id)
        }
        guard let hasToken else { throw CancellationError() }
        return hasToken
    }

    /// Keeps the connection and serves all waiters until it is shut down; then all waits return false.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func run() async throws {
        await cancelWhenGracefulShutdown { await self.serve() }
        for waiter in machine.withLock({ $0.close() }) { waiter.resume(returning: false) }
    }

    private func serve() async {
        await withTaskGroup { group in
            group.addTask { try? await self.blocking.run() }
            if runsControl { group.addTask { try? await self.control.run() } }
            // On the reply thread: a token reaches its waiter without a thread switch.
            group.addTask(executorPreference: blocking.executor) { await self.takeTurns() }
            group.addTask(executorPreference: blocking.executor) { await self.unblock() }
        }
    }
}

// MARK: - Waiters

extension RedisListWaiter {
    private func add(_ id: UInt64, _ key: String, _ waiter: ReplyContinuation<Bool?>, _ deadline: Int64) {
        let now = Int64(clamping: NIODeadline.now().uptimeNanoseconds)
        // Under the lock, a cancellation comes either before this check or in cancel(_:) after it.
        let addition: Machine.Addition? = machine.withLock { machine in
            if Task.isCancelled { return nil }
            return machine.add(id: id, key: key, waiter: waiter, deadline: deadline, now: now)
        }
        switch addition {
        case nil: waiter.resume(returning: nil)
        case .done(let waiter, let hasToken): waiter.resume(returning: hasToken)
        case .waiting(let start, let unblock):
            if start { turnWanted.fire() }
            if unblock { unblockWanted.fire() }
        }
    }

    private func expire(_ id: UInt64) {
        machine.withLock { $0.expire(id: id) }?.resume(returning: false)
    }

    private func cancel(_ id: UInt64) {
        guard let (waiter, unblock) = machine.withLock({ $0.cancel(id: id) }) else { return }
        waiter.resume(returning: nil)
        if unblock { unblockWanted.fire() }
    }
}

// MARK: - The blocking connection

extension RedisListWaiter {
    private func takeTurns() async {
        for await _ in turnWanted.stream {
            while !Task.isCancelled, await hasConnection(), let turn = beginTurn() { await take(turn) }
        }
    }

    /// Whether there is a connection, or no waiter needs one.
    ///
    /// Without a connection, the waiters' own timers end their waits.
    private func hasConnection() async -> Bool {
        while !Task.isCancelled, !blocking.isConnected {
            guard machine.withLock({ $0.waiterCount > 0 }) else { return true }
            try? await blocking.waitUntilConnected(within: .seconds(1))
        }
        return !Task.isCancelled
    }

    private func beginTurn() -> Machine.Turn? {
        let mayBlock = blocking.core.clientID != nil && canUnblock.load(ordering: .relaxed)
        let longest = mayBlock ? Self.longestTurn : Self.longestTurnWithoutUnblock
        let now = Int64(clamping: NIODeadline.now().uptimeNanoseconds)
        return machine.withLock { $0.begin(now: now, longest: longest) }
    }

    private func take(_ turn: Machine.Turn) async {
        var command = RedisArguments("BLPOP")
        for key in turn.keys { command.append(key) }
        command.append("\(Double(turn.nanoseconds / 1_000_000) / 1000)")
        do throws(RedisError) {
            let reply = try await blocking.sendBlocking(.command(command), for: .nanoseconds(turn.nanoseconds))
            refusal.withLock { $0 = nil }
            guard let key = reply.array?.first?.string else { return machine.withLock { $0.ended() } }
            machine.withLock { $0.popped(key) }?.resume(returning: true)
        } catch {
            await turnFailed(error)
        }
    }

    private func turnFailed(_ error: RedisError) async {
        guard error.outcome != .unknown else {
            for waiter in machine.withLock({ $0.lost() }) { waiter.resume(returning: false) }
            return
        }
        machine.withLock { $0.ended() }
        guard error.code != .notConnected, error.code != .closed, error.code != .cancelled else { return }
        // The server denies BLPOP: callers continue with their timers, and it is not retried at once.
        let isNew = refusal.withLock { refusal in
            defer { refusal = error.code }
            return refusal != error.code
        }
        logger.log(
            level: isNew ? .warning : .debug, "wake token wait failed, will retry", metadata: ["error": "\(error)"])
        try? await Task.sleep(for: .seconds(1))
    }
}

// MARK: - The way around it

extension RedisListWaiter {
    private func unblock() async {
        for await _ in unblockWanted.stream {
            var pause = Duration.milliseconds(1)
            // The command can overtake the BLPOP that it should end; then it finds no blocked client and is repeated.
            while machine.withLock({ $0.needsUnblock }), await !unblockOnce() {
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .milliseconds(200))
                if Task.isCancelled { return }
            }
        }
    }

    private func unblockOnce() async -> Bool {
        guard let id = blocking.core.clientID else { return false }
        do throws(RedisError) {
            return try await control.send(.command("CLIENT", "UNBLOCK", String(id))).int == 1
        } catch {
            if error.outcome == .verdict { canUnblock.store(false, ordering: .relaxed) }
            return false
        }
    }
}

/// Wakes one loop; signals during one round are merged.
private struct Signal: Sendable {
    let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func fire() { continuation.yield() }
}
