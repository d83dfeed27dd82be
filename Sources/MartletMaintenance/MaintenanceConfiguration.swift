// What the upkeep does and how often.

public import MartletQueue

/// The settings of a ``MaintenanceService``.
public struct MaintenanceConfiguration: Sendable {
    /// The name of the deployment to which the keys must belong, as in `MartletConfiguration`.
    public var environment = "default"

    /// The mean pause between two sweeps of this process.
    ///
    /// A queue that a worker or another process has just swept is left out. Jobs fall due this much late at most while no
    /// worker runs.
    public var sweepInterval = Duration.seconds(1)

    /// The pause between two comparisons of what Redis knows with what it had acknowledged.
    public var lossInterval = Duration.seconds(1)

    /// A directory for a small file with the counts of acknowledged jobs.
    ///
    /// With it losses are also noticed when this process was restarted in between. Each process needs a directory of its
    /// own. Without one, the counts are kept in memory.
    public var stateDirectory: String?

    /// Pushes of this process are refused while Redis uses this share of its `maxmemory` or more, in percent.
    ///
    /// 100, the default, leaves the refusal to Redis, which then refuses other writes too.
    public var memoryLimitPercent = 100

    /// Settings that are applied to queues at the start, each only where it differs from the last one applied so.
    ///
    /// What was set at run time stays until somebody changes these values.
    public var queueSettings: [QueueName: QueueSettingsChange] = [:]

    /// The defaults.
    public init() {}
}
