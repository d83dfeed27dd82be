// The client that the rest of the house uses: one multiplexed connection, kept alive by run().

public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// A client of one Redis server.
///
/// All tasks share one connection. Whatever they send within one tick of the event loop leaves in one write, and
/// replies come back in order. ``run()`` does all work in the background: it connects, and reconnects with growing,
/// jittered pauses.
///
/// While there is no connection, requests wait for one, at most the command timeout. Requests whose bytes had not left
/// are sent on the next connection; those that had fail with the outcome `unknown`. Cancelling a task only ends its own
/// waiting.
public final class RedisClient: Service, Sendable {
    let core: RedisCore
    /// The connection's thread, for tasks that send and wait again and again.
    public let lane: RedisLane
    private let connector: RedisConnector
    private let logger: Logger
    private let wasStarted = Atomic(false)

    /// A client that connects once ``run()`` runs.
    ///
    /// - Parameters:
    ///   - configuration: where the server is.
    ///   - logger: gets a line for each change of the connection.
    public convenience init(_ configuration: RedisConfiguration, logger: Logger) {
        self.init(configuration, loop: MultiThreadedEventLoopGroup.singleton.any(), logger: logger)
    }

    /// The same, with a look at the server whenever there is a new connection.
    ///
    /// - Parameter firstLook: called for each attempt to connect; what it returns is asked before anything else is sent.
    package convenience init(
        _ configuration: RedisConfiguration, logger: Logger, firstLook: @escaping @Sendable () -> FirstLook?
    ) {
        self.init(
            configuration, loop: MultiThreadedEventLoopGroup.singleton.any(), logger: logger, firstLook: firstLook)
    }

    /// A client with a connection of its own on the thread of `neighbour`, which alone reports metrics.
    package convenience init(
        _ configuration: RedisConfiguration, beside neighbour: RedisClient, logger: Logger,
        firstLook: @escaping @Sendable () -> FirstLook? = { nil }
    ) {
        var own = configuration
        own.reportsMetrics = false
        self.init(own, loop: neighbour.core.loop, logger: logger, firstLook: firstLook)
    }

    /// A client whose connection lives on `loop`.
    init(
        _ configuration: RedisConfiguration, loop: any EventLoop, logger: Logger,
        firstLook: @escaping @Sendable () -> FirstLook? = { nil }
    ) {
        core = RedisCore(configuration, loop: loop, firstLook: firstLook)
        lane = RedisLane(loop)
        connector = RedisConnector(configuration, loop: loop)
        self.logger = logger
    }

    /// Whether there is a connection just now.
    public var isConnected: Bool { core.isConnected }

    /// Why the last attempt to connect failed; `nil` while there is a connection, and before the first attempt has failed.
    public var connectionFailure: RedisError? { core.connectionFailure }

    /// Sends `request` and waits for its reply.
    ///
    /// - Parameters:
    ///   - request: what to send.
    ///   - writesAtOnce: whether it leaves before what other tasks of the connection's thread are about to send; for large
    ///     requests, so that the server works on them meanwhile. Small ones are cheaper when they leave together.
    /// - Returns: the reply.
    /// - Throws: ``RedisError``, also for a reply that is an error.
    public func send(_ request: RedisRequest, writesAtOnce: Bool = false) async throws(RedisError) -> RedisValue {
        try await send(request, writesAtOnce: writesAtOnce, timeout: nil, endsOnRefusal: false)
    }

    /// Sends `requests` in one write and waits for all replies.
    ///
    /// Other tasks' requests do not come between them, except that scripts which the server does not know yet follow
    /// later with their source.
    ///
    /// - Returns: a result for each request, in the same order.
    public func send(_ requests: [RedisRequest]) async -> [Result<RedisValue, RedisError>] {
        guard !requests.isEmpty else { return [] }
        var results = await sendOnce(requests, asSource: false)
        let unknown = results.indices.filter { isUnknownScript(requests[$0], results[$0]) }
        guard !unknown.isEmpty else { return results }
        let repeated = await sendOnce(unknown.map { requests[$0] }, asSource: true)
        for (index, result) in zip(unknown, repeated) { results[index] = result }
        return results
    }

    /// Sends `requests` and, behind them on the same connection, `closing`, in one write.
    ///
    /// The closing replies that belong to a request were given behind it. So scripts that the server does not know yet
    /// are sent again with the closing requests behind them once more.
    ///
    /// - Returns: for each request its result and those of the closing requests.
    package func send(
        _ requests: [RedisRequest], closing: [RedisRequest]
    ) async -> [(result: Result<RedisValue, RedisError>, closing: [Result<RedisValue, RedisError>])] {
        guard !requests.isEmpty else { return [] }
        let first = await sendOnce(requests + closing, asSource: false)
        let end = Array(first.dropFirst(requests.count))
        var results = first.prefix(requests.count).map { (result: $0, closing: end) }
        let unknown = requests.indices.filter { isUnknownScript(requests[$0], results[$0].result) }
        guard !unknown.isEmpty else { return results }
        let again = await sendOnce(unknown.map { requests[$0] } + closing, asSource: true)
        let newEnd = Array(again.dropFirst(unknown.count))
        for (index, result) in zip(unknown, again) { results[index] = (result, newEnd) }
        return results
    }

    /// Waits until the server answers.
    ///
    /// - Parameter limit: how long to wait for a connection.
    /// - Throws: ``RedisError``: `authentication` as soon as the log-in is refused, `notConnected` when time is over.
    public func waitUntilConnected(within limit: Duration) async throws(RedisError) {
        do throws(RedisError) {
            _ = try await send(.command("PING"), timeout: limit, endsOnRefusal: true)
        } catch  where error.outcome == .verdict || error.code == .misconfigured || error.code == .busy {
            return  // It answers, and that was the question.
        }
    }

    /// Sends `request` with a timeout of its own; a blocking command takes longer than others.
    func send(
        _ request: RedisRequest, writesAtOnce: Bool = false, timeout: Duration?, endsOnRefusal: Bool
    ) async throws(RedisError) -> RedisValue {
        let result = await sendOnce(request, asSource: false, writesAtOnce, timeout, endsOnRefusal)
        guard isUnknownScript(request, result) else { return try result.get() }
        return try await sendOnce(request, asSource: true, writesAtOnce, timeout, endsOnRefusal).get()
    }

    private func isUnknownScript(_ request: RedisRequest, _ result: Result<RedisValue, RedisError>) -> Bool {
        guard case .script = request, case .failure(let error) = result else { return false }
        return error.code == .noScript
    }

    private func sendOnce(
        _ request: RedisRequest, asSource: Bool, _ writesAtOnce: Bool, _ timeout: Duration?, _ endsOnRefusal: Bool
    ) async -> Result<RedisValue, RedisError> {
        let id = core.nextIdentifier()
        return await withTaskCancellationHandler {
            await withReplyContinuation { continuation in
                core.submit(
                    id: id, waiter: .one(continuation), replies: 1, isBatch: false, writesAtOnce: writesAtOnce,
                    timeout: timeout, endsOnRefusal: endsOnRefusal
                ) { $0.writeRequest(request, asSource: asSource) }
            }
        } onCancel: {
            core.cancel(id: id)
        }
    }

    private func sendOnce(_ requests: [RedisRequest], asSource: Bool) async -> [Result<RedisValue, RedisError>] {
        let id = core.nextIdentifier()
        return await withTaskCancellationHandler {
            await withReplyContinuation { continuation in
                core.submit(
                    id: id, waiter: .many(count: requests.count, continuation), replies: requests.count, isBatch: true,
                    writesAtOnce: true, timeout: nil, endsOnRefusal: false
                ) { buffer in
                    for request in requests { buffer.writeRequest(request, asSource: asSource) }
                }
            }
        } onCancel: {
            core.cancel(id: id)
        }
    }
}

// MARK: - Running

extension RedisClient {
    /// Keeps the client connected until it is shut down.
    ///
    /// On graceful shutdown new requests are refused, those under way finish (each within its timeout), and the
    /// connection is closed. Cancelling the task closes it at once. A client runs only once.
    public func run() async throws {
        guard !wasStarted.exchange(true, ordering: .relaxed) else {
            preconditionFailure("RedisClient.run() was called twice; a client runs once")
        }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await supervise()
            } onGracefulShutdown: {
                self.core.drain()
            }
        } onCancel: {
            core.close()
        }
        core.close()
    }

    /// Asks the machine and does what it says, until it is finished.
    private func supervise() async {
        let configuration = core.configuration
        var machine = SupervisorMachine(base: configuration.reconnectBase, cap: configuration.reconnectCap)
        var event = SupervisorMachine.Event.start
        var channel: (any Channel)?
        var report = ConnectionReport(logger: logger, address: configuration.address)
        while true {
            if core.hasEnded, channel == nil { event = .stop }
            switch machine.handle(event, chance: .random(in: 0...1)) {
            case .finish: return
            case .connect: (channel, event) = await connect(&report)
            case .serve:
                event = await serve(channel, &report)
                channel = nil
            case .rest(let pause):
                await rest(pause)
                event = .rested
            }
        }
    }

    private func connect(_ report: inout ConnectionReport) async -> ((any Channel)?, SupervisorMachine.Event) {
        do throws(RedisError) {
            let channel = try await open()
            report.connected()
            return (channel, .connected)
        } catch {
            core.connectFailed(error)
            if !core.hasEnded { report.failed(error) }
            return (nil, .failed)
        }
    }

    /// Opens a connection; once more where the server refused us and the file of the URL holds other credentials now.
    private func open() async throws(RedisError) -> any Channel {
        do throws(RedisError) { return try await connector.open(for: core) } catch {
            guard error.code == .authentication, core.renewCredentials() else { throw error }
            logger.notice("Redis refused the credentials; those that the file of its URL holds now are tried")
            return try await connector.open(for: core)
        }
    }

    private func serve(_ channel: (any Channel)?, _ report: inout ConnectionReport) async -> SupervisorMachine.Event {
        let start = ContinuousClock.now
        try? await channel?.closeFuture.get()
        if !core.hasEnded { report.lost() }
        return .lost(lifetime: ContinuousClock.now - start)
    }

    private func rest(_ pause: Duration) async {
        // Shutdown and cancellation both end the pause.
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
    }
}

/// What the log says about the connection: every change, but not every failed attempt.
private struct ConnectionReport {
    let logger: Logger
    let address: String
    private var lastCode: RedisError.Code?

    init(logger: Logger, address: String) {
        self.logger = logger
        self.address = address
    }

    mutating func connected() {
        lastCode = nil
        logger.info("Connected to Redis", metadata: ["redis": "\(address)"])
    }

    mutating func lost() {
        logger.warning("Lost the connection to Redis; reconnecting", metadata: ["redis": "\(address)"])
    }

    mutating func failed(_ error: RedisError) {
        let level: Logger.Level = error.code == lastCode ? .debug : .warning
        lastCode = error.code
        logger.log(level: level, "Cannot connect to Redis; trying again", metadata: ["error": "\(error)"])
    }
}
