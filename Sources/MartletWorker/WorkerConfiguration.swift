// The settings of a worker.

import MartletQueue

/// The settings of a worker; every one has a default for production.
///
/// ```swift
/// var configuration = WorkerConfiguration()
/// configuration.grace = .seconds(60)
/// configuration.health = WorkerHealth()
/// ```
public struct WorkerConfiguration: Sendable {
    /// How long running jobs may continue after a graceful shutdown began; 25 s by default.
    public var grace: Duration = .seconds(25)
    /// How long cancelled handlers and the last settlements may take before `run()` abandons them; 4 s by default.
    public var cancellationGrace: Duration = .seconds(4)
    /// Whether ``Worker/run()`` outside a service group stops gracefully on SIGTERM and SIGINT; true by default.
    ///
    /// Signals that the program ignores or handles itself are never touched.
    public var handlesSignals = true
    /// How often an idle worker polls when no wake token arrives, ± 20 %; 1 s by default.
    public var pollInterval: Duration = .seconds(1)
    /// How long a claimed job may wait in this worker for a free slot; 5 ms by default.
    ///
    /// Zero claims only for free slots.
    ///
    /// With short handlers, the worker claims more jobs than it has slots: as many as will start within this time, by
    /// the measured duration of handlers. Otherwise each handful of jobs would cost a round trip that is dearer than
    /// the jobs. The number of running jobs never exceeds the slots. Waiting jobs are released after four times this
    /// duration without progress.
    public var claimAhead: Duration = .milliseconds(5)
    /// How often the worker sends a heartbeat; 900 ms by default, and at least three times per lease.
    ///
    /// Heartbeats also receive stop requests, so a request reaches a handler within about a second.
    public var heartbeatInterval: Duration = .milliseconds(900)
    /// How often the worker sweeps its queues, ± 30 %; 1 s by default.
    public var sweepInterval: Duration = .seconds(1)
    /// The first delay of a job with an unknown type, 5 s by default; doubles up to 5 min.
    public var unknownTypeDelay: Duration = UnknownTypeRule.standardDelay
    /// How long a job of an unknown type may wait for a worker with a handler before it fails; `nil`, the default, is
    /// unlimited.
    ///
    /// The time starts when a worker first releases the job, and restarts when a worker had a handler.
    public var unknownTypeLimit: Duration?
    /// How long a handler may run after losing its lease before it counts as leaked; 10 s by default.
    public var leakDelay: Duration = .seconds(10)
    /// The number of leaked handlers at which the worker calls ``onUnhealthy``; 1 by default.
    public var leakLimit = 1
    /// Called with the number of leaked handlers whenever it grows to ``leakLimit`` or more.
    ///
    /// Leaked handlers ignore cancellation: their jobs already run elsewhere, and only ending the process frees their
    /// slots.
    public var onUnhealthy: (@Sendable (Int) -> Void)?
    /// Whether a job whose worker died runs again in a separate process; false by default.
    ///
    /// The first crash also interrupts other jobs of the worker. On retry the suspects run in isolation, so only the
    /// faulty job crashes. The process is this program, started again with the same arguments; ``Worker/run()`` runs
    /// the one job there and exits. So nothing before `run()` may have effects that must not happen twice, such as
    /// listening on a port. A handler with `runsOn: .process` is always isolated.
    public var isolatesLostJobs = false
    /// Updated with the worker's health, for probes; `nil` by default.
    public var health: WorkerHealth?
    /// The middleware around every handler, the outermost first.
    public var middleware: [any WorkerMiddleware] = []
    /// The version shown in the list of workers.
    public var version = ""

    /// Creates the default settings.
    public init() {}
}
