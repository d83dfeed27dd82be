// From what a handler did to how its attempt ends: one rule, one value, no side effects.

import MartletJobs
import MartletQueue

/// How an attempt ends.
struct OutcomeRule {
    /// The longest wait that the queue takes.
    private static let longestDelay = NewJob.Limit.delay

    let job: ClaimedJob
    /// Why the handler was to stop, if it was.
    let stop: StopReason?
    /// Whether it was to stop for its timeout, also where its lease was lost after that.
    let hasTimedOut: Bool

    /// The outcome of an attempt that returned `output` or threw.
    func outcome(of result: Result<[UInt8]?, any Error>) -> Settlement.Outcome {
        switch result {
        // An attempt beyond its limit has failed, however it ended: returning early is how many handlers obey.
        case .success where hasTimedOut: return failure(timedOut)
        // Also after the loss of the lease: the token may still be good, and the queue alone knows.
        case .success(let output): return .completed(output: output)
        case .failure(let outcome as JobOutcome): return said(outcome)
        case .failure(let error): return thrown(error)
        }
    }

    /// What the author said stands, also when a stop was wanted.
    private func said(_ outcome: JobOutcome) -> Settlement.Outcome {
        switch outcome {
        case .retry(let wait, let reason): .failed(retryAfter: Self.bounded(wait), error: reason)
        case .discard(let reason): .failedForGood(error: reason)
        case .snooze(let wait): .snoozed(Self.bounded(wait))
        case .release(let wait): .released(after: wait.map(Self.bounded))
        }
    }

    private func thrown(_ error: any Error) -> Settlement.Outcome {
        switch stop {
        case .timeout: return failure(timedOut)
        // Whatever is thrown after a stop is taken for its consequence, and that never costs a retry.
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

    /// A wait that the queue understands: not negative, at most a year.
    private static func bounded(_ wait: Duration) -> Duration { min(max(.zero, wait), longestDelay) }
}
