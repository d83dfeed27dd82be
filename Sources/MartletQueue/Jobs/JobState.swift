// Where a job is: the eight states, the index that each stands for, and what operators may do in each.

/// Where a job is.
public enum JobState: String, Sendable, Hashable, CaseIterable, Codable {
    /// May run now.
    case queued
    /// Waits for its first time to run.
    case scheduled
    /// Waits for its next attempt.
    case retrying
    /// A worker runs it.
    case active
    /// Set aside by an operator.
    case paused
    /// Its handler returned.
    case completed
    /// Its retries are used up, or its error was permanent.
    case failed
    /// Cancelled by an operator.
    case cancelled

    /// Whether the job has ended.
    ///
    /// Only `retry` leads back.
    public var isFinal: Bool { self == .completed || self == .failed || self == .cancelled }

    /// The index that holds jobs in this state.
    public var index: JobIndex {
        switch self {
        case .queued: .queued
        case .scheduled, .retrying: .delayed
        case .active: .active
        case .paused: .paused
        case .completed: .completed
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }

    /// The verbs that change something in this state, in the order in which they are offered.
    public var allowedVerbs: [String] {
        switch self {
        case .queued: ["pause", "cancel", "patch"]
        case .scheduled, .retrying: ["pause", "cancel", "run", "patch"]
        case .active: ["pause", "resume", "cancel"]
        case .paused: ["resume", "cancel", "patch"]
        case .completed: ["delete"]
        case .failed, .cancelled: ["retry", "delete"]
        }
    }
}

/// The sorted sets that hold a queue's jobs, in the order in which they are listed.
public enum JobIndex: String, Sendable, Hashable, CaseIterable, Codable {
    case active, queued, delayed, paused, completed, failed, cancelled

    /// Whether its jobs have ended; such are listed newest first.
    public var isFinal: Bool { self == .completed || self == .failed || self == .cancelled }
}
