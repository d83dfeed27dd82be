// The settings of queue maintenance.

public import MartletQueue

/// The settings of a ``MaintenanceService``.
///
/// ```swift
/// var configuration = MaintenanceConfiguration()
/// configuration.stateDirectory = "/var/lib/reports"
/// configuration.memoryLimitPercent = 90
/// ```
public struct MaintenanceConfiguration: Sendable {
    /// The deployment that the keys must belong to, as in `MartletConfiguration`; `default` by default.
    public var environment = "default"

    /// The mean time between two sweeps of this process; 1 s by default.
    ///
    /// Queues that a worker or another process has just swept are skipped. While no worker runs, jobs fall due at most this
    /// much late.
    public var sweepInterval = Duration.seconds(1)

    /// The time between two checks for lost jobs; 1 s by default.
    public var lossInterval = Duration.seconds(1)

    /// A directory for a small file with the counts of acknowledged jobs.
    ///
    /// With it, losses are also detected across a restart of this process. Each process needs a separate directory. `nil`,
    /// the default, keeps the counts in memory.
    public var stateDirectory: String?

    /// The share of `maxmemory`, in percent, from which this process refuses pushes.
    ///
    /// At 100, the default, only Redis refuses writes, and not only pushes.
    public var memoryLimitPercent = 100

    /// Queue settings that are applied at the start if they differ from those that were applied last.
    ///
    /// Settings changed at run time are kept until these values change.
    public var queueSettings: [QueueName: QueueSettingsChange] = [:]

    /// Creates the default settings.
    public init() {}
}
