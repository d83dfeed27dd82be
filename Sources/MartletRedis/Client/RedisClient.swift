// The Redis client: one multiplexed connection that run() keeps alive.

public import Logging
package import MartletEventLoop
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization

/// A client for one Redis server.
///
/// All tasks share one connection. Requests of one event loop tick leave in one write, and replies arrive in order.
/// ``run()`` connects, and reconnects with growing, jittered delays.
///
/// Without a connection, requests wait for one, at most for the command timeout. When the connection is lost, requests
/// that had not been written are sent on the next one; requests that had been written fail with the outcome `unknown`.
/// Cancelling a task ends only its own wait.
///
/// ```swift
/// let client = RedisClient(try RedisConfiguration(url: "redis://127.0.0.1:6379"), logger: logger)
/// let connection = Task { try await client.run() }
/// try await client.waitUntilConnected(within: .seconds(5))
/// let reply = try await client.send(.command("PING"))
/// connection.cancel()
/// ```
public final class RedisClient: Service, Sendable {
    let core: RedisCore
    /// Where the server is.
    package var configuration: RedisConfiguration { core.configuration }

    /// The executor on the connection's thread, for tasks that send many requests one after another.
    ///
    /// A task that prefers it resumes on the thread that read its reply, so a round trip needs no thread switch. The
    /// connection runs on the same thread: work on it must be short and must never block.
    ///
    /// ```swift
    /// try await withTaskExecutorPreference(client.executor) {
    ///     for key in keys { _ = try await client.send(.command("GET", key)) }
    /// }
    /// ```
    public var executor: any TaskExecutor { eventLoop }
    /// The same executor, which can also call back at a given time.
    package let eventLoop: EventLoopExecutor
    let functions: FunctionCalls
    private let connector: RedisConnector
    private let logger: Logger
    private let wasStarted = Atomic(false)

    /// Creates a client; it connects when ``run()`` runs.
    ///
    /// - Parameters:
    ///   - configuration: the server and the timeouts.
    ///   - logger: receives connection changes.
    public convenience init(_ configuration: RedisConfiguration, logger: Logger) {
        self.init(configuration, loop: MultiThreadedEventLoopGroup.singleton.any(), logger: logger)
    }

    /// Creates a client that sends requests of its owner first on every new connection.
    ///
    /// - Parameter initialRequests: called for each connection attempt; its requests are sent before all others.
    package convenience init(
        _ configuration: RedisConfiguration, logger: Logger, initialRequests: @escaping @Sendable () -> InitialRequests?
    ) {
        self.init(
            configuration, loop: MultiThreadedEventLoopGroup.singleton.any(), logger: logger,
            initialRequests: initialRequests)
    }

    /// Creates a client with its own connection on the thread of `neighbour`; only `neighbour` reports metrics.
    package convenience init(
        _ configuration: RedisConfiguration, beside neighbour: RedisClient, logger: Logger,
        initialRequests: @escaping @Sendable () -> InitialRequests? = { nil }
    ) {
        var own = configuration
        own.reportsMetrics = false
        self.init(own, loop: neighbour.core.loop, logger: logger, initialRequests: initialRequests)
    }

    /// Creates a client whose connection lives on `loop`.
    init(
        _ configuration: RedisConfiguration, loop: any EventLoop, logger: Logger,
        initialRequests: @escaping @Sendable () -> InitialRequests? = { nil }
    ) {
        core = RedisCore(configuration, loop: loop, initialRequests: initialRequests)
        eventLoop = EventLoopExecutor(loop)
        functions = FunctionCalls(configuration)
        connector = RedisConnector(configuration, loop: loop)
        self.logger = logger
    }

    /// Whether the client is connected now.
    public var isConnected: Bool { core.isConnected }

    /// Why the last connection attempt failed; `nil` while connected, and before the first attempt has failed.
    public var connectionFailure: RedisError? { core.connectionFailure }

    /// Why functions are called as scripts now; `nil` while they are called by name.
    package var scriptReason: String? { functions.scriptReason }

    /// Sends a request and waits for its reply.
    ///
    /// - Parameters:
    ///   - request: the request.
    ///   - writesAtOnce: whether to write it before requests that other tasks on the connection's thread are about to
    ///     send. Useful for large requests, which the server then processes meanwhile; small ones are cheaper when they
    ///     leave together.
    /// - Returns: the reply.
    /// - Throws: ``RedisError``, also when the reply is an error.
    public func send(_ request: RedisRequest, writesAtOnce: Bool = false) async throws(RedisError) -> RedisValue {
        try await send(request, writesAtOnce: writesAtOnce, timeout: nil, endsOnRefusal: false)
    }

    /// Sends a command that blocks on the server for at most `limit`.
    package func sendBlocking(_ request: RedisRequest, for limit: Duration) async throws(RedisError) -> RedisValue {
        try await send(
            request, timeout: limit + core.configuration.commandTimeout, endsOnRefusal: false)
    }

    /// The id of the connection, where the configuration asks for it; `nil` while there is none.
    package var connectionID: Int? { core.clientID }

    /// Waits until the server answers.
    ///
    /// - Parameter limit: how long to wait for a connection.
    /// - Throws: ``RedisError``: `authentication` as soon as the credentials are refused, `notConnected` after the
    ///   limit.
    public func waitUntilConnected(within limit: Duration) async throws(RedisError) {
        do throws(RedisError) {
            _ = try await send(.command("PING"), timeout: limit, endsOnRefusal: true)
        } catch  where error.outcome == .verdict || error.code == .misconfigured || error.code == .busy {
            return  // An error reply is an answer too.
        }
    }

    /// Sends `request` with its own timeout, for blocking commands.
    func send(
        _ request: RedisRequest, writesAtOnce: Bool = false, timeout: Duration?, endsOnRefusal: Bool
    ) async throws(RedisError) -> RedisValue {
        var form = functions.firstForm(of: request)
        var loads = 0
        while true {
            let result = await sendOnce(request, as: form, writesAtOnce, timeout, endsOnRefusal)
            guard case .failure = result, case let next = await formAgain(request, sentAs: form, result, &loads),
                let again = try next.get()
            else { return try result.get() }
            form = again
        }
    }

    func formAgain(
        _ request: RedisRequest, sentAs form: RequestForm, _ result: Result<RedisValue, RedisError>, _ loads: inout Int
    ) async -> Result<RequestForm?, RedisError> {
        do throws(RedisError) {
            let next = try await functions.formAgain(request, sentAs: form, result, loads: &loads) { [self] command in
                await sendOnce(command, as: .named, false, nil, false)
            }
            return .success(next)
        } catch { return .failure(error) }
    }

    private func sendOnce(
        _ request: RedisRequest, as form: RequestForm, _ writesAtOnce: Bool, _ timeout: Duration?, _ endsOnRefusal: Bool
    ) async -> Result<RedisValue, RedisError> {
        let id = core.nextIdentifier()
        return await withTaskCancellationHandler {
            await withReplyContinuation { continuation in
                core.submit(
                    id: id, waiter: .one(continuation), replies: 1, isBatch: false, writesAtOnce: writesAtOnce,
                    timeout: timeout, endsOnRefusal: endsOnRefusal
                ) { $0.writeRequest(request, as: form) }
            }
        } onCancel: {
            core.cancel(id: id)
        }
    }

    /// The requests after those in `forms` have only one form.
    func sendOnce(
        _ requests: [RedisRequest], as forms: [RequestForm]
    ) async -> [Result<RedisValue, RedisError>] {
        let id = core.nextIdentifier()
        return await withTaskCancellationHandler {
            await withReplyContinuation { continuation in
                core.submit(
                    id: id, waiter: .many(count: requests.count, continuation), replies: requests.count, isBatch: true,
                    writesAtOnce: true, timeout: nil, endsOnRefusal: false
                ) { buffer in
                    for (index, request) in requests.enumerated() {
                        buffer.writeRequest(request, as: index < forms.count ? forms[index] : .named)
                    }
                }
            }
        } onCancel: {
            core.cancel(id: id)
        }
    }
}

// MARK: - Running

extension RedisClient {
    /// Keeps the client connected until it is shut down; call it once.
    ///
    /// On graceful shutdown, new requests are refused, requests in flight finish within their timeouts, and the
    /// connection is closed. Cancelling the task closes the connection at once.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
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

    /// Performs the machine's actions until it has finished.
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

    /// Opens a connection; retries once when the credentials were refused and the URL file holds new ones.
    private func open() async throws(RedisError) -> any Channel {
        do throws(RedisError) { return try await connector.open(for: core) } catch {
            guard error.code == .authentication, core.renewCredentials() else { throw error }
            logger.notice("Redis refused the credentials, trying those in the URL file")
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
        // Shutdown and cancellation both end the delay.
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
    }
}

/// Logs every change of the connection, but not every failed attempt.
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
        logger.info("connected to Redis", metadata: ["redis": "\(address)"])
    }

    mutating func lost() {
        logger.warning("Redis connection lost, reconnecting", metadata: ["redis": "\(address)"])
    }

    mutating func failed(_ error: RedisError) {
        let level: Logger.Level = error.code == lastCode ? .debug : .warning
        lastCode = error.code
        logger.log(level: level, "Redis connection failed, will retry", metadata: ["error": "\(error)"])
    }
}
