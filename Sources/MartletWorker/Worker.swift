// The worker: what an application puts into its service group to run jobs.

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
/// A service: a graceful shutdown lets running jobs finish within ``WorkerConfiguration/grace``, then cancels them and
/// gives them back. In a service group the group says when. Outside of one SIGTERM and SIGINT do, unless
/// ``WorkerConfiguration/handlesSignals`` is false; cancelling the task does the same without grace. The store must run
/// before and after it: list it before the worker.
public struct Worker: Service {
    /// The settings.
    public var configuration: WorkerConfiguration
    private let store: JobStore
    private let queues: [String: Int]
    private let handlers: Handlers
    private let logger: Logger

    /// A worker with as many slots for each queue as `queues` says.
    ///
    /// - Parameters:
    ///   - store: where the queues are.
    ///   - queues: how many jobs of each queue run here at once, 1 to 10 000.
    ///   - configuration: the settings.
    ///   - logger: gets the worker's lines, and with the job's metadata those of the handlers.
    ///   - handlers: what runs the jobs, one for each type.
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

    /// Runs jobs until the service group shuts down or the task is cancelled, and outside of a service group until
    /// SIGTERM or SIGINT; then all is settled or given back.
    ///
    /// A second signal ends the process at once; the leases bring its jobs back. Each run is a worker of its own, with an
    /// id of its own. Throws ``WorkerError`` before anything is claimed when the worker is not well put together.
    public func run() async throws {
        if OneJobProcess.isHere {
            let handlers = try HandlerTable(handlers)
            await IsolatedChild(handlers: handlers, middleware: configuration.middleware, logger: logger).run()
        }
        let crew = Crew(
            store: store, handlers: try HandlerTable(handlers), queues: try checkedQueues(),
            configuration: configuration, logger: logger)
        let run = WorkerRun(crew, store: store)
        // Not a child task: cancellation must not reach the last settlements, which say that jobs are given back.
        let task = Task(executorPreference: crew.thread) { await run.serve() }
        let listener = listensToSignals ? TerminationSignals.shared.listen { run.stop(signal: $0) } : nil
        defer { if let listener { TerminationSignals.shared.stop(listener) } }
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

    /// A service group has signals of its own, and the program may have asked it to hear none.
    private var listensToSignals: Bool { configuration.handlesSignals && TaskLocals.gracefulShutdownManager == nil }

    /// Whether this process was started by a worker for one job with `runsOn: .process`, which ``run()`` then runs.
    ///
    /// The whole program runs in such a process up to there. Skip what must not be done twice, such as listening on a
    /// port; pushes are refused.
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
