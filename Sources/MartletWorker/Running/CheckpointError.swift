// The reasons why a checkpoint was not saved.

/// Thrown by `context.save(_:)` when a checkpoint was not saved.
///
/// ```swift
/// do {
///     try await context.save(row)
/// } catch CheckpointError.leaseLost {
///     return  // another worker has the job
/// }
/// ```
public enum CheckpointError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    /// This worker no longer holds the lease; another may already run the job. Stop all side effects.
    case leaseLost
    /// The attempt has finished; nothing can be saved for it.
    case attemptEnded
    /// The checkpoint is larger than the queue allows; save less.
    case tooLarge(bytes: Int, limit: Int)

    /// What happened and what to do.
    public var description: String {
        switch self {
        case .leaseLost: "this worker no longer holds the job; stop all side effects"
        case .attemptEnded: "the attempt has finished; save checkpoints before the handler returns"
        case .tooLarge(let bytes, let limit):
            "the checkpoint has \(bytes) bytes, and at most \(limit) are kept; save less"
        }
    }
}
