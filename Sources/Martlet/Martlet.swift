// What users import: the client that finds its Redis by itself, and all words for jobs, queues and workers.

public import Logging
import MartletChecks
@_exported public import MartletJobs
@_exported public import MartletQueue
@_exported public import MartletWorker
public import ServiceLifecycle
import Synchronization

/// The queues of one Redis, ready to use.
///
/// ```swift
/// let martlet = try await Martlet(.environment())
/// try await martlet.queue("default").enqueue(Greet(who: "Ada"), priority: 5)
/// ```
///
/// It is connected, and Redis has passed the checks that `martlet serve` and `martlet work` make, once it exists. It stays
/// connected until ``shutdown()`` or the end of the process. As a service it does nothing but shut down when the group
/// does: list it before the services that use it.
public final class Martlet: Service {
    /// The store behind it, for what this type has no word for.
    public let store: JobStore
    let logger: Logger
    private let connection: Task<Void, any Error>
    private let watch: Task<Void, Never>?

    /// Connects, waits until Redis answers, and checks that it may be used.
    ///
    /// While Redis is unavailable this waits and logs a warning; ``MartletConfiguration/connectTimeout`` limits the wait.
    /// What is only unwise about the Redis is logged as a warning, now and once a minute.
    ///
    /// In the process of a job with `runsOn: .process` it neither waits nor checks: the worker that started it did.
    ///
    /// - Parameters:
    ///   - configuration: which Redis, the prefix of all keys, and the environment to which they belong.
    ///   - logger: gets a line for each change of the connection and for each check that is not good.
    /// - Throws: ``MartletError/unfitRedis(_:)`` when jobs could be lost in this Redis or its keys belong to another
    ///   environment, `QueueError` when it does not answer within the limit, `CancellationError`.
    public init(_ configuration: MartletConfiguration, logger: Logger = Logger(label: "martlet")) async throws {
        let store = JobStore(redis: configuration.redis, prefix: configuration.prefix, logger: logger)
        // Not a child task: the connection outlives this call, as whoever holds a queue expects.
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

    /// Waits for Redis and for the end of its checks.
    private static func pass(_ gate: StartGate, _ store: JobStore, within limit: Duration?) async throws {
        if let limit { try await store.waitUntilConnected(within: limit) }
        do throws(StartRefusal) { try await gate.pass() } catch {
            throw MartletError.unfitRedis(error.checks.map { "\($0.name): \($0.value); \($0.advice)" })
        }
        try Task.checkCancellation()
    }

    /// The queue with this name; it is created by the first write to it.
    ///
    /// - Throws: ``MartletError/badQueueName(_:)``.
    public func queue(_ name: String) throws(MartletError) -> Queue {
        guard let name = QueueName(name) else { throw .badQueueName(name) }
        return store.queue(name)
    }

    /// Waits for the service group's shutdown, or the task's cancellation, and shuts down.
    public func run() async throws {
        try? await gracefulShutdown()
        await shutdown()
    }

    /// Closes the connection; nothing is answered afterwards.
    public func shutdown() async {
        watch?.cancel()
        connection.cancel()
        _ = await connection.result
    }
}

extension Worker {
    /// A worker on the queues of `martlet`.
    ///
    /// - Parameters:
    ///   - martlet: where the queues are.
    ///   - queues: how many jobs of each queue run here at once, 1 to 10 000.
    ///   - configuration: the settings.
    ///   - logger: gets the worker's lines, and with the job's metadata those of the handlers.
    ///   - handlers: what runs the jobs, one for each type.
    public init(
        _ martlet: Martlet, queues: [String: Int], configuration: WorkerConfiguration = WorkerConfiguration(),
        logger: Logger = Logger(label: "martlet.worker"), @HandlerBuilder handlers: () -> Handlers
    ) {
        self.init(martlet.store, queues: queues, configuration: configuration, logger: logger, handlers: handlers)
    }
}
