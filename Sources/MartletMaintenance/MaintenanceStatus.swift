// What the upkeep knows at one moment, and why it ends by itself.

/// What a ``MaintenanceService`` knows at one moment.
public struct MaintenanceStatus: Sendable, Hashable {
    /// Whether Redis has passed its checks, both at the start and the last time.
    public var isRedisFit: Bool
    /// The number of jobs of each queue that Redis had acknowledged and has lost, without the losses that an operator has
    /// accepted.
    public var missingJobs: [String: Int]
    /// Whether pushes of this process are refused because the memory of Redis is nearly full.
    public var refusesPushes: Bool
}

/// Why a ``MaintenanceService`` ends by itself.
public enum MaintenanceError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Redis must not be used as it is set up: what was found and what to do, one text for each check that failed.
    case unfitRedis([String])
    /// A queue refuses settings of the configuration: why.
    case refusedSettings(String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .unfitRedis(let faults): faults.joined(separator: "\n")
        case .refusedSettings(let reason): reason
        }
    }
}
