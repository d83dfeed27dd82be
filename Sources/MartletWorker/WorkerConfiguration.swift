// What can be set on a worker.

/// The settings of a worker process; every one has a default for production.
public struct WorkerConfiguration: Sendable {
    /// How long running jobs may go on after a graceful shutdown began.
    public var grace: Duration = .seconds(25)
    /// How long cancelled handlers may take to return, and last settlements to arrive, before `run()` gives up on them.
    public var cancellationGrace: Duration = .seconds(4)
    /// Whether ``Worker/run()`` outside of a service group ends in order at SIGTERM and SIGINT.
    ///
    /// A signal that the program ignores or handles by itself is left to it in any case.
    public var handlesSignals = true
    /// How often an idle worker looks for jobs when no wake token comes, ± 20 %.
    public var pollInterval: Duration = .seconds(1)
    /// How long a job may wait in this worker for a free slot; zero claims no job before there is one.
    ///
    /// Where handlers are short, the worker claims more jobs at a time than it has slots, as many as will start within
    /// this time by what their handlers took so far: a turn for each handful of jobs would cost more than the jobs. More
    /// than the slots never run at once, and what has waited four times as long without any job starting is given back.
    public var claimAhead: Duration = .milliseconds(5)
    /// How often the worker says that it lives; more often where a third of the queue's lease is shorter.
    ///
    /// A beat brings back what operators want, so that a second is enough for it to reach a handler.
    public var beatInterval: Duration = .milliseconds(900)
    /// How often the worker does the queues' housekeeping, ± 30 %.
    public var sweepInterval: Duration = .seconds(1)
    /// How long a job of an unknown type is kept from this worker's queue at first; doubles up to 5 min.
    public var unknownTypeDelay: Duration = .seconds(5)
    /// How long a job may go from worker to worker none of which knows its type before it fails; `nil` means for ever.
    ///
    /// The time counts from when a worker first gave it back and begins again when one knew it.
    public var unknownTypeLimit: Duration?
    /// How long after the loss of its lease a handler that still runs counts as leaked.
    public var leakDelay: Duration = .seconds(10)
    /// How many leaked handlers make the worker call ``onUnhealthy``.
    public var leakLimit = 1
    /// Called with the number of leaked handlers whenever it grows to ``leakLimit`` or more.
    ///
    /// Such handlers ignore cancellation: their jobs run elsewhere already, and only the end of the process frees
    /// their slots.
    public var onUnhealthy: (@Sendable (Int) -> Void)?
    /// Whether a job with which a worker died before is run again in a process of its own.
    ///
    /// Then a job that brings its process down is found out without taking others along, and no bystander is taken
    /// for it. The process is this program, started again with the same arguments; ``Worker/run()`` runs the one job
    /// there and ends it. So nothing before `run()` may be done that must not be done twice, such as listening on a port.
    /// A handler with `runsOn: .process` always runs so.
    public var isolatesLostJobs = false
    /// Kept up to date with how the worker does, for probes; `nil` is nobody asks.
    public var health: WorkerHealth?
    /// What stands around every handler, the outermost first.
    public var middleware: [any WorkerMiddleware] = []
    /// The version that the list of workers shows.
    public var version = ""

    /// The defaults.
    public init() {}
}
