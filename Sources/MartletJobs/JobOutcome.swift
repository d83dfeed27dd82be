// How a handler says that its attempt ended otherwise than by returning or by an ordinary error.

/// Thrown by a handler to say what becomes of the job.
public enum JobOutcome: Error, Sendable, Equatable, Codable {
    /// The attempt failed; try again after this wait instead of the policy's. Costs a retry.
    case retry(after: Duration, reason: String)
    /// The job failed for good; no further attempt.
    case discard(reason: String)
    /// Not now: run the job again after this wait. Costs no retry.
    case snooze(Duration)
    /// Give the job back for another worker, at its old place in line or after a wait. Costs no retry.
    case release(after: Duration? = nil)
}

/// What an error advises about the next attempt.
public enum RetryAdvice: Sendable, Equatable, Codable {
    /// Retry by the job's policy.
    case byPolicy
    /// Retry by the job's policy, but not before this wait, for example the server's `Retry-After`.
    ///
    /// The longer of the two counts: a server must not be able to choose a faster pace than the policy's. Throw
    /// ``JobOutcome/retry(after:reason:)`` for a wait of your own.
    case after(Duration)
    /// Another attempt cannot help: the job fails at once.
    case never
    /// The fault is not the job's (a full disk, say): run it again after this wait without costing a retry.
    ///
    /// The job shows the error while it waits.
    case release(after: Duration)
    /// The attempt failed but brought the job forward: run it again after the policy's wait without costing a retry.
    ///
    /// Bound how often you say so, or the job may never end.
    case uncharged
}

/// An error that knows whether another attempt can help.
public protocol RetryAdvising: Error {
    /// What to do with the job that threw this error.
    var retryAdvice: RetryAdvice { get }
}

/// Why a running job must stop.
public enum StopReason: String, Sendable, Hashable, Codable {
    /// An operator pauses the job.
    case pause
    /// An operator cancels the job.
    case cancel
    /// The worker process shuts down.
    case shutdown
    /// The attempt ran longer than its timeout.
    case timeout
    /// The worker no longer holds the job; another may run it already.
    case leaseLost
}
