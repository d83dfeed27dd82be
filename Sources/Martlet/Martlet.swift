// The client that users import: connects to Redis, checks it, and opens queues and workers.

public import Logging
import MartletChecks
@_exported public import MartletJobs
@_exported public import MartletQueue
@_exported public import MartletWorker
public import ServiceLifecycle
import Synchronization

/// A connected client for the queues of one Redis.
///
/// ```swift
/// let martlet = try await Martlet(.environment())
/// try await martlet.queue("default").enqueue(Greet(who: "Ada"), priority: 5)
/// ```
///
/// The initialiser connects and runs the checks that `martlet serve` and `martlet work` run. The client stays connected
/// until ``shutdown()`` or the end of the process. As a service it only shuts down with its group: list it before the
/// services that use it.
public final class Martlet: Service {
    /// The underlying store, for operations that this type does not offer.
    public let store: JobStore
    let logger: Logger
    private let connection: Task<Void, any Error>
    private let watch: Task<Void, Never>?

    /// Connects, waits until Redis answers, and checks that it is fit for use.
    ///
    /// While Redis is unavailable, the initialiser waits and logs a warning; ``MartletConfiguration/connectTimeout``
    /// limits the wait. Findings that do not prevent the start are logged as warnings, now and once a minute.
    ///
    /// In the process of an isolated job (`runsOn: .process`) it neither waits nor checks, since the worker already
    /// did.
    ///
    /// - Parameters:
    ///   - configuration: the Redis server, the key prefix, and the name of the environment.
    ///   - logger: receives connection changes and failed checks.
    /// - Throws: ``MartletError/unfitRedis(_:)`` when this Redis could lose jobs or its keys belong to another
    ///   environment,
    /// `QueueError` when it does not answer within the limit, `CancellationError`.
    public init(_ configuration: MartletConfiguration, logger: Logger = Logger(label: "martlet")) async throws {
        let store = JobStore(redis: configuration.redis, prefix: configuration.prefix, logger: logger)
        // Not a child task: the connection outlives this call, for as long as a queue is in use.
        let connection = Task.detached { try await store.run() }
        self.store = store
        self.logger = logger
        self.connection = connection
        guard !OneJobProcess.isHere else {
            watch = nil
            return
        }
        let gate = StartGate(configuration.checked, store: store, logger: logger)
        do { try await Self.pass(gate, store, within: configuration.connectTimeout) } catch {
            connection.cancel()
            throw error
        }
        watch = Task.detached { await gate.watch() }
    }

    /// Waits for Redis and for its checks.
    private static func pass(_ gate: StartGate, _ store: JobStore, within limit: Duration?) async throws {
        if let limit { try await store.waitUntilConnected(within: limit) }
        do throws(StartRefusal) { try await gate.pass() } catch {
            throw MartletError.unfitRedis(error.faults)
        }
        try Task.checkCancellation()
    }

    /// Opens a queue; the first write creates it.
    ///
    /// - Parameter name: the queue's name, matching `^[a-z0-9][a-z0-9._-]{0,63}$`.
    /// - Returns: the queue. Opening it sends nothing to Redis.
    /// - Throws: ``MartletError/badQueueName(_:)``.
    public func queue(_ name: String) throws(MartletError) -> Queue {
        guard let name = QueueName(name) else { throw .badQueueName(name) }
        return store.queue(name)
    }

    /// Waits until the service group shuts down or the task is cancelled, then shuts down.
    ///
    /// - Throws: nothing by itself; the signature is that of `Service`.
    public func run() async throws {
        try? await gracefulShutdown()
        await shutdown()
    }

    /// Closes the connection; later calls fail with the outcome *not executed*.
    public func shutdown() async {
        watch?.cancel()
        connection.cancel()
        _ = await connection.result
    }
}

extension Worker {
    /// Creates a worker on the queues of `martlet`.
    ///
    /// - Parameters:
    ///   - martlet: the client.
    ///   - queues: the number of concurrent jobs for each queue name, 1 to 10 000.
    ///   - configuration: the settings.
    ///   - logger: receives the worker's log lines and, with job metadata, those of the handlers.
    ///   - handlers: the handlers, one for each type of job.
    public init(
        _ martlet: Martlet, queues: [String: Int], configuration: WorkerConfiguration = WorkerConfiguration(),
        logger: Logger = Logger(label: "martlet.worker"), @HandlerBuilder handlers: () -> Handlers
    ) {
        self.init(martlet.store, queues: queues, configuration: configuration, logger: logger, handlers: handlers)
    }
}
