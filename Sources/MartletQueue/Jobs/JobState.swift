// The nine states of a job, their indexes, and the verbs allowed in each.

/// The state of a job.
///
/// ```swift
/// let page = try await queue.list(states: [.failed, .cancelled])
/// ```
public enum JobState: String, Sendable, Hashable, CaseIterable, Codable {
    /// Ready to run.
    case queued
    /// Waits for its first start time.
    case scheduled
    /// Waits for its next attempt.
    case retrying
    /// Ready to run, and waits for a limit of one of its keys.
    case blocked
    /// A worker runs it.
    case active
    /// Paused by an operator.
    case paused
    /// Its handler returned.
    case completed
    /// Its retries are used up, or its error was permanent.
    case failed
    /// Cancelled by an operator.
    case cancelled

    /// Whether the job has finished; only `retry` restarts it.
    public var isFinal: Bool { self == .completed || self == .failed || self == .cancelled }

    /// The index that holds jobs in this state.
    public var index: JobIndex {
        switch self {
        case .queued: .queued
        case .scheduled, .retrying: .delayed
        case .blocked: .blocked
        case .active: .active
        case .paused: .paused
        case .completed: .completed
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }

    /// The verbs that have an effect in this state, in display order.
    public var allowedVerbs: [String] {
        switch self {
        case .queued, .blocked: ["pause", "cancel", "patch"]
        case .scheduled, .retrying: ["pause", "cancel", "run", "patch"]
        case .active: ["pause", "resume", "cancel"]
        case .paused: ["resume", "cancel", "patch"]
        case .completed: ["delete"]
        case .failed, .cancelled: ["retry", "delete"]
        }
    }
}

/// The sorted sets that hold a queue's jobs, in listing order.
///
/// ```swift
/// let finished = JobIndex.allCases.filter(\.isFinal)  // completed, failed, cancelled
/// ```
public enum JobIndex: String, Sendable, Hashable, CaseIterable, Codable {
    case active, queued, blocked, delayed, paused, completed, failed, cancelled

    /// Whether its jobs have finished; they are listed newest first.
    public var isFinal: Bool { self == .completed || self == .failed || self == .cancelled }
}

extension JobIndex {
    /// The state of its jobs; `hasStarted` says whether the job was ever claimed.
    func state(hasStarted: Bool) -> JobState {
        switch self {
        case .active: .active
        case .queued: .queued
        case .blocked: .blocked
        case .delayed: hasStarted ? .retrying : .scheduled
        case .paused: .paused
        case .completed: .completed
        case .failed: .failed
        case .cancelled: .cancelled
        }
    }
}
