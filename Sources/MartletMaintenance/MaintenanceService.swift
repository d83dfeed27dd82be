// The upkeep of the queues of a store as one service: what `martlet serve` runs beside its HTTP server.

public import Logging
package import MartletChecks
public import MartletQueue
public import ServiceLifecycle

/// Keeps the queues of a store in order while it runs.
///
/// - It checks at the start, and every minute, that Redis is fit for the queues.
/// - It sweeps all queues about once a second: jobs fall due, and jobs of dead workers come back, also while no worker
///   runs.
/// - It notices when Redis has lost jobs that it had acknowledged: after a failover, a restore or a flush.
/// - It applies the settings that its configuration has for queues.
///
/// `martlet serve` and `martlet dev` run this service. A deployment of workers without a server runs it in one or more of
/// its own processes:
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
/// Any number of processes may run it on the same queues at once: none of them leads. The store's connections must run
/// before it, as `Martlet` and `JobStore.run()` do.
public final class MaintenanceService: Service {
    private let store: JobStore
    private let configuration: MaintenanceConfiguration
    private let gate: StartGate
    private let losses: LossDetector
    private let pushes: PushRefusals
    private let logger: Logger

    /// The upkeep of the queues of `store`; does nothing until it runs.
    ///
    /// - Parameters:
    ///   - store: the queues.
    ///   - configuration: what is done and how often.
    ///   - logger: gets a line for each job that comes back, each loss and each check that fails.
    public convenience init(
        _ store: JobStore, configuration: MaintenanceConfiguration = MaintenanceConfiguration(),
        logger: Logger = Logger(label: "martlet.maintenance")
    ) {
        let checked = CheckedStore(
            redis: store.redisConfiguration, prefix: store.prefix, environment: configuration.environment)
        self.init(
            store, gate: StartGate(checked, store: store, logger: logger), configuration: configuration, logger: logger)
    }

    /// The same with checks that the process shares with its workers.
    package init(_ store: JobStore, gate: StartGate, configuration: MaintenanceConfiguration, logger: Logger) {
        let pushes = PushRefusals(store: store, logger: logger)
        self.store = store
        self.configuration = configuration
        self.gate = gate
        self.logger = logger
        self.pushes = pushes
        losses = LossDetector(
            store: store, directory: configuration.stateDirectory, interval: configuration.lossInterval, logger: logger,
            onLook: { pushes.look() })
        store.refusePushes(abovePercentOfMemory: configuration.memoryLimitPercent)
    }

    /// What is known at this moment.
    public var status: MaintenanceStatus {
        MaintenanceStatus(
            isRedisFit: gate.hasPassed && !gate.checks.contains { $0.result == .bad },
            missingJobs: losses.memory.missing, refusesPushes: store.refusesPushes)
    }

    /// The results of all checks, in the order in which `martlet serve` shows them.
    package var checks: [Checkup] { gate.checks + [losses.check, pushes.check] }

    /// Works until the service group shuts down or the task is cancelled.
    ///
    /// While Redis is unavailable it waits and tries again.
    ///
    /// - Throws: ``MaintenanceError/unfitRedis(_:)`` when Redis must not be used as it is set up, and
    ///   ``MaintenanceError/refusedSettings(_:)`` when a queue refuses the settings of the configuration.
    public func run() async throws {
        let sweeps = SweepLoop(store: store, logger: logger, interval: configuration.sweepInterval)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.prepare() }
            group.addTask { await sweeps.run() }
            group.addTask { await self.losses.run() }
            // The first failure ends the others.
            while try await group.next() != nil {}
        }
    }

    /// Makes sure that Redis is fit, applies the settings, and then looks at Redis again every minute.
    private func prepare() async throws {
        try await cancelWhenGracefulShutdown {
            do throws(StartRefusal) { try await self.gate.pass() } catch {
                throw MaintenanceError.unfitRedis(error.faults)
            }
            while try await !self.settingsAreApplied() { try? await Task.sleep(for: .seconds(1)) }
            await self.gate.watch()
        }
    }

    /// Applies them; false when Redis is unavailable, true also when this process ends.
    private func settingsAreApplied() async throws(MaintenanceError) -> Bool {
        if Task.isCancelled { return true }
        do throws(QueueError) {
            for (name, change) in configuration.queueSettings { try await store.queue(name).applyEnvironment(change) }
            try await store.repairGlobalPause()
            return true
        } catch {
            if case .refused = error.kind { throw .refusedSettings(error.message) }
            logger.warning("Redis unavailable, settings will be applied later", error: error)
            return false
        }
    }
}
