// What users import: the client that finds its Redis by itself, and all words for jobs, queues and workers.

public import Logging
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
/// It is connected once it exists, and stays so until ``shutdown()`` or the end of the process. As a service it does
/// nothing but shut down when the group does: list it before the services that use it.
public final class Martlet: Service {
    /// The store behind it, for what this type has no word for.
    public let store: JobStore
    let logger: Logger
    private let connection: Task<Void, any Error>

    /// Connects, and returns once Redis answers.
    ///
    /// - Parameters:
    ///   - configuration: which Redis, and the prefix of all keys.
    ///   - logger: gets a line for each change of the connection.
    /// - Throws: ``MartletError``, or `QueueError` when Redis refuses us or does not answer in time.
    public init(_ configuration: MartletConfiguration, logger: Logger = Logger(label: "martlet")) async throws {
        let store = JobStore(redis: configuration.redis, prefix: configuration.prefix, logger: logger)
        // Not a child task: the connection outlives this call, as whoever holds a queue expects.
        let connection = Task.detached { try await store.run() }
        do { try await store.waitUntilConnected(within: configuration.connectTimeout) } catch {
            connection.cancel()
            throw error
        }
        self.store = store
        self.logger = logger
        self.connection = connection
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
