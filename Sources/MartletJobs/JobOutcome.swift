// The explicit outcomes of an attempt, other than returning or throwing an ordinary error.

public import FoundationEssentials

/// Thrown by a handler to choose the job's outcome.
///
/// ```swift
/// On(SendReceipt.self) { job, context in
///     guard job.order > 0 else { throw JobOutcome.discard(reason: "no order \(job.order)") }
///     guard isMailReady() else { throw JobOutcome.snooze(.seconds(60)) }
///     context.logger.info("receipt sent")
/// }
/// ```
public enum JobOutcome: Error, Sendable, Equatable, Codable {
    /// The attempt failed; retry after this delay instead of the policy's.
    ///
    /// Uses up a retry.
    case retry(after: Duration, reason: String)
    /// The job failed permanently; no further attempt.
    case discard(reason: String)
    /// Run the job again after this delay.
    ///
    /// Uses up no retry.
    case snooze(Duration)
    /// Release the job to another worker, at its old position or after a delay.
    ///
    /// Uses up no retry.
    case release(after: Duration? = nil)
    /// The service behind one of the job's limit keys told the handler to wait: no job that names the key starts before that.
    ///
    /// Uses up no retry. The job goes back to its position and waits there as `blocked` with all others of the key. The hold
    /// lasts at most 24 hours, needs no limit object, ends by itself, and never shortens a longer one. If the job does not have
    /// the key, only the job waits, and its error says so.
    case throttled(key: String, after: Duration, reason: String)

    /// The service behind one of the job's limit keys told the handler to wait until a time.
    ///
    /// - Parameters:
    ///   - key: one of the job's limit keys, `type:` and its type, or `tag:` and one of its tags.
    ///   - time: when the key opens, by the clock of this process.
    ///   - reason: what the service said; shown with the job and with the key.
    /// - Returns: the outcome with the wait that is left.
    public static func throttled(key: String, until time: Date, reason: String) -> JobOutcome {
        let wait = min(max(0, time.timeIntervalSinceNow), 366 * 86_400)
        return .throttled(key: key, after: .seconds(wait), reason: reason)
    }
}

/// The advice of an error about the next attempt.
///
/// ```swift
/// struct TooManyRequests: RetryAdvising {
///     var retryAfter: Duration
///     var retryAdvice: RetryAdvice { .after(retryAfter) }
/// }
/// ```
public enum RetryAdvice: Sendable, Equatable, Codable {
    /// Retry by the job's policy.
    case byPolicy
    /// Retry by the job's policy, but not before this delay, for example a server's `Retry-After`.
    ///
    /// The longer delay applies, so that a server cannot shorten the policy's. To choose a delay yourself, throw
    /// ``JobOutcome/retry(after:reason:)``.
    case after(Duration)
    /// No further attempt can succeed: the job fails at once.
    case never
    /// The fault is not the job's, such as a full disk: run it again after this delay without using up a retry.
    ///
    /// The job shows the error while it waits.
    case release(after: Duration)
    /// The attempt failed but made progress: run it again after the policy's delay without using up a retry.
    ///
    /// Limit how often an error returns this, or the job may never finish.
    case uncharged
}

/// An error that knows whether another attempt can succeed.
///
/// ```swift
/// struct MailRefused: RetryAdvising {
///     var isPermanent: Bool
///     var retryAdvice: RetryAdvice { isPermanent ? .never : .byPolicy }
/// }
/// ```
public protocol RetryAdvising: Error {
    /// What to do with the job that threw this error.
    var retryAdvice: RetryAdvice { get }
}

/// Why a running job must stop.
///
/// ```swift
/// if context.stopReason == .shutdown {
///     try await context.save(row)  // the next attempt continues from here
/// }
/// ```
public enum StopReason: String, Sendable, Hashable, Codable {
    /// An operator paused the job.
    case pause
    /// An operator cancelled the job.
    case cancel
    /// The worker process is shutting down.
    case shutdown
    /// The attempt exceeded its timeout.
    case timeout
    /// The worker lost the lease; another worker may already run the job.
    case leaseLost
}
