// Why a checkpoint was not saved.

/// Thrown by `context.save(_:)`.
public enum CheckpointError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
    /// This worker no longer holds the job, and another may run it already: stop every side effect.
    case leaseLost
    /// The attempt has ended; nothing can be saved for it any more.
    case attemptEnded
    /// The checkpoint is larger than the queue keeps; save less.
    case tooLarge(bytes: Int, limit: Int)

    /// What happened and what to do.
    public var description: String {
        switch self {
        case .leaseLost: "this worker no longer holds the job; stop all side effects"
        case .attemptEnded: "the attempt has ended; save checkpoints before the handler returns"
        case .tooLarge(let bytes, let limit):
            "the checkpoint has \(bytes) bytes, and at most \(limit) are kept; save less"
        }
    }
}
