// The worker: a service that runs jobs.

public import Logging
import MartletJobs
public import MartletQueue
@_spi(TestKit) public import ServiceLifecycle

/// Runs the jobs of one or more queues.
///
/// ```swift
/// let worker = Worker(store, queues: ["default": 8]) {
///     On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
///     ReportHandler(database: database)
/// }
/// try await worker.run()
/// ```
///
/// A worker is a `Service`. On graceful shutdown it lets running jobs finish within ``WorkerConfiguration/grace``, then
/// cancels and releases them. In a service group the group triggers the shutdown. Outside a group, SIGTERM and SIGINT
/// do, unless ``WorkerConfiguration/handlesSignals`` is false; cancelling the task stops without a grace period. The
/// store must start before the worker and stop after it, so list it first.
public struct Worker: Service {
    /// The settings.
    public var configuration: WorkerConfiguration
    private let store: JobStore
    private let queues: [String: Int]
    private let handlers: Handlers
    private let logger: Logger

    /// Creates a worker.
    ///
    /// - Parameters:
    ///   - store: the store with the queues.
    ///   - queues: the number of concurrent jobs for each queue name, 1 to 10 000.
    ///   - configuration: the settings.
    ///   - logger: receives the worker's log lines and, with job metadata, those of the handlers.
    ///   - handlers: the handlers, one for each type of job.
    public init(
        _ store: JobStore, queues: [String: Int], configuration: WorkerConfiguration = WorkerConfiguration(),
        logger: Logger = Logger(label: "martlet.worker"), @HandlerBuilder handlers: () -> Handlers
    ) {
        self.store = store
        self.queues = queues
        self.configuration = configuration
        self.handlers = handlers()
        self.logger = logger
    }

    /// Runs jobs until the service group shuts down or the task is cancelled; outside a service group, until SIGTERM or
    /// SIGINT.
    ///
    /// Returns when all jobs are settled or released.
    ///
    /// A second signal ends the process at once; its jobs run again when their leases expire. Each call is a new worker
    /// with a new id.
    ///
    /// - Throws: ``WorkerError`` before the first claim when the worker is misconfigured.
    public func run() async throws {
        if OneJobProcess.isHere {
            let handlers = try HandlerTable(handlers)
            await IsolatedChild(
                handlers: handlers, middleware: configuration.middleware, logger: logger,
                tracing: WorkerTracing(store.tracing)
            ).run()
        }
        let context = WorkerContext(
            store: store, handlers: try HandlerTable(handlers), queues: try checkedQueues(),
            configuration: configuration, logger: logger)
        let run = WorkerRun(context, store: store)
        // Before the first claim: a signal that met its default action would end the process with jobs that it holds.
        let listener = listensToSignals ? TerminationSignals.shared.listen { run.stop(signal: $0) } : nil
        defer { if let listener { TerminationSignals.shared.stop(listener) } }
        // Not a child task: cancellation must not reach the last settlements, which release jobs.
        let task = Task(executorPreference: context.thread) { await run.serve() }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await task.value
            } onGracefulShutdown: {
                run.stop()
            }
        } onCancel: {
            run.cancel()
        }
    }

    /// A service group handles signals itself, and the program may have disabled signal handling.
    private var listensToSignals: Bool { configuration.handlesSignals && TaskLocals.gracefulShutdownManager == nil }

    /// Whether a worker started this process for one isolated job (`runsOn: .process`), which ``run()`` then runs.
    ///
    /// The whole program runs in such a process up to that call. Skip what must not happen twice, such as listening on
    /// a port; pushes are refused.
    public static var runsOneJob: Bool { OneJobProcess.isHere }

    private func checkedQueues() throws(WorkerError) -> [(name: QueueName, slots: Int)] {
        guard !queues.isEmpty else { throw .noQueues }
        var checked: [(name: QueueName, slots: Int)] = []
        for (text, slots) in queues.sorted(by: { $0.key < $1.key }) {
            guard let name = QueueName(text) else { throw .badQueueName(text) }
            guard (1...10_000).contains(slots) else { throw .badSlots(queue: text, slots) }
            checked.append((name, slots))
        }
        return checked
    }
}
