// Computes the outcome of an attempt from what its handler did; pure.

import MartletJobs
import MartletQueue

/// The rule that maps a handler's result to a settlement.
struct OutcomeRule {
    /// The longest delay that the queue accepts.
    private static let longestDelay = NewJob.Limit.delay

    let job: ClaimedJob
    /// Why the handler was asked to stop, if it was.
    let stop: StopReason?
    /// Whether the attempt timed out, even if it lost its lease later.
    let hasTimedOut: Bool

    /// The outcome of an attempt that returned `output` or threw.
    func outcome(of result: Result<[UInt8]?, any Error>) -> Settlement.Outcome {
        switch result {
        // A timed-out attempt has failed even if it returned: many handlers return early when they are stopped.
        case .success where hasTimedOut: return failure(timedOut)
        // Applies after the loss of a lease too: the token may still be valid, and only the queue knows.
        case .success(let output): return .completed(output: output)
        case .failure(let outcome as JobOutcome): return said(outcome)
        case .failure(let error): return thrown(error)
        }
    }

    /// An explicit outcome applies even after a stop.
    private func said(_ outcome: JobOutcome) -> Settlement.Outcome {
        switch outcome {
        case .retry(let wait, let reason): .failed(retryAfter: Self.bounded(wait), error: reason)
        case .discard(let reason): .failedForGood(error: reason)
        case .snooze(let wait): .snoozed(Self.bounded(wait))
        case .release(let wait): .released(after: wait.map(Self.bounded))
        case .throttled(let key, let wait, let reason): .throttled(key: key, after: Self.bounded(wait), reason: reason)
        }
    }

    private func thrown(_ error: any Error) -> Settlement.Outcome {
        switch stop {
        case .timeout: return failure(timedOut)
        // Errors thrown after a stop do not use up a retry, except after a timeout.
        case .pause, .cancel, .shutdown, .leaseLost: return .released(after: nil)
        case nil: break
        }
        let text = "\(error)"
        if error is ProcessDied { return .crashed(retryAfter: wait(afterFailure: job.lost + 1), error: text) }
        switch (error as? any RetryAdvising)?.retryAdvice {
        case .after(let least):
            return .failed(retryAfter: max(Self.bounded(least), wait(afterFailure: job.failures + 1)), error: text)
        case .never: return .failedForGood(error: text)
        case .release(let wait): return .postponed(retryAfter: Self.bounded(wait), error: text)
        case .uncharged: return .postponed(retryAfter: wait(afterFailure: job.failures + 1), error: text)
        case .byPolicy, nil: return failure(text)
        }
    }

    private func failure(_ text: String) -> Settlement.Outcome {
        .failed(retryAfter: wait(afterFailure: job.failures + 1), error: text)
    }

    private func wait(afterFailure count: Int) -> Duration { Self.bounded(job.retryPolicy.delay(afterFailure: count)) }

    private var timedOut: String { "timed out after \(job.timeout ?? .zero)" }

    /// Limits a delay to what the queue accepts: not negative, at most a year.
    private static func bounded(_ wait: Duration) -> Duration { min(max(.zero, wait), longestDelay) }
}
