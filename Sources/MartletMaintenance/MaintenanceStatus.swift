// The status of queue maintenance, and its errors.

/// The status of a ``MaintenanceService`` at one moment.
///
/// ```swift
/// let status = maintenance.status
/// let isHealthy = status.isRedisFit && status.missingJobs.isEmpty && !status.refusesPushes
/// ```
public struct MaintenanceStatus: Sendable, Hashable {
    /// Whether Redis has passed its checks, at the start and the last time.
    public var isRedisFit: Bool
    /// The number of acknowledged jobs that Redis has lost, per queue, without those that an operator has accepted.
    public var missingJobs: [String: Int]
    /// Whether this process refuses pushes because Redis' memory is nearly full.
    public var refusesPushes: Bool
}

/// An error that ends a ``MaintenanceService``.
///
/// ```swift
/// do {
///     try await maintenance.run()
/// } catch MaintenanceError.unfitRedis(let faults) {
///     for fault in faults { print(fault) }
/// }
/// ```
public enum MaintenanceError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Redis' setup is unusable; one text per failed check, with the finding and the remedy.
    case unfitRedis([String])
    /// A queue refuses settings of the configuration; the text has the reason.
    case refusedSettings(String)

    /// The finding and the remedy.
    public var description: String {
        switch self {
        case .unfitRedis(let faults): faults.joined(separator: "\n")
        case .refusedSettings(let reason): reason
        }
    }
}
