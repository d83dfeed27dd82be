// The maintenance of a store's queues as one service, as `martlet serve` runs it.

public import Logging
package import MartletChecks
public import MartletQueue
public import ServiceLifecycle

/// Maintains the queues of a store while it runs.
///
/// - It checks Redis at the start and every minute.
/// - It sweeps all queues about once a second, so that jobs fall due and jobs of dead workers are requeued even while no
///   worker runs.
/// - It detects when Redis has lost acknowledged jobs: after a failover, a restore or a flush.
/// - It applies the queue settings of its configuration, also to a queue that is created anew.
///
/// `martlet serve` and `martlet dev` run this service. A deployment of workers without a server runs it in one or more of
/// its processes:
///
/// ```swift
/// let martlet = try await Martlet(.environment())
/// var configuration = MaintenanceConfiguration()
/// configuration.stateDirectory = "/var/lib/reports"
/// let maintenance = MaintenanceService(martlet.store, configuration: configuration)
/// let group = ServiceGroup(services: [martlet, maintenance], gracefulShutdownSignals: [.sigterm], logger: logger)
/// try await group.run()
/// ```
///
/// Any number of processes may run it on the same queues; there is no leader. The store's connections must run first, as
/// `Martlet` or `JobStore.run()`.
public final class MaintenanceService: Service {
    private let store: JobStore
    private let configuration: MaintenanceConfiguration
    private let gate: StartGate
    private let losses: LossDetector
    private let pushes: PushRefusals
    private let settings: SettingsLoop
    private let logger: Logger

    /// Creates the service; it does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - store: the store to maintain.
    ///   - configuration: the settings.
    ///   - logger: receives a line for each requeued job, each loss and each failed check.
    public convenience init(
        _ store: JobStore, configuration: MaintenanceConfiguration = MaintenanceConfiguration(),
        logger: Logger = Logger(label: "martlet.maintenance")
    ) {
        let checked = CheckedStore(
            redis: store.redisConfiguration, prefix: store.prefix, environment: configuration.environment)
        self.init(
            store, gate: StartGate(checked, store: store, logger: logger), configuration: configuration, logger: logger)
    }

    /// Creates a service with checks that the process shares with its workers.
    package init(_ store: JobStore, gate: StartGate, configuration: MaintenanceConfiguration, logger: Logger) {
        let pushes = PushRefusals(store: store, logger: logger)
        self.store = store
        self.configuration = configuration
        self.gate = gate
        self.logger = logger
        self.pushes = pushes
        settings = SettingsLoop(store: store, settings: configuration.queueSettings, logger: logger)
        losses = LossDetector(
            store: store, directory: configuration.stateDirectory, interval: configuration.lossInterval, logger: logger,
            onLook: { pushes.look() })
        store.refusePushes(abovePercentOfMemory: configuration.memoryLimitPercent)
    }

    /// The current status.
    public var status: MaintenanceStatus {
        MaintenanceStatus(
            isRedisFit: gate.hasPassed && !gate.checks.contains { $0.result == .bad },
            missingJobs: losses.memory.missing, refusesPushes: store.refusesPushes)
    }

    /// The results of all checks, in the order in which `martlet serve` shows them.
    package var checks: [Checkup] { gate.checks + [losses.check, pushes.check] }

    /// Runs until the service group shuts down or the task is cancelled.
    ///
    /// While Redis is unavailable, it retries.
    ///
    /// - Throws: ``MaintenanceError/unfitRedis(_:)`` when Redis' setup is unusable, and
    ///   ``MaintenanceError/refusedSettings(_:)`` when a queue refuses settings of the configuration.
    public func run() async throws {
        let sweeps = SweepLoop(store: store, logger: logger, interval: configuration.sweepInterval)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.prepare() }
            group.addTask { await sweeps.run() }
            group.addTask { await self.losses.run() }
            // The first error ends the other tasks.
            while try await group.next() != nil {}
        }
    }

    /// Checks Redis, applies the settings, and then checks Redis every minute.
    private func prepare() async throws {
        try await cancelWhenGracefulShutdown {
            do throws(StartRefusal) { try await self.gate.pass() } catch {
                throw MaintenanceError.unfitRedis(error.faults)
            }
            try await self.settings.apply()
            await withTaskGroup { group in
                group.addTask { await self.gate.watch() }
                group.addTask { await self.settings.renew() }
            }
        }
    }
}
