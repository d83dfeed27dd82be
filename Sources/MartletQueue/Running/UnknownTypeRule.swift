// The outcome of jobs whose type the worker that claimed them does not know.

import Synchronization

/// Releases jobs of unknown types: another worker or a newer version may have the handler.
///
/// The job is not charged, reports why it waits, and fails only when there is a limit.
package struct UnknownTypeRule: Sendable {
    /// The first delay by default.
    package static let standardDelay = Duration.seconds(5)
    private static let longestDelay = Duration.seconds(300)

    private let delay: Duration
    private let limit: Duration?

    /// Creates a rule.
    ///
    /// - Parameters:
    ///   - delay: the first delay, which doubles with each claim.
    ///   - limit: how long a job may wait before it fails; `nil` is unlimited.
    package init(delay: Duration = UnknownTypeRule.standardDelay, limit: Duration? = nil) {
        self.delay = delay
        self.limit = limit
    }

    /// The outcome; `chance`, from 0 to 1, randomises the delay by ±20 %.
    package func outcome(of job: ClaimedJob, chance: Double) -> Settlement.Outcome {
        if let limit, let unknownFor = job.unknownFor, unknownFor >= limit {
            return .failedForGood(
                error: "unsupported: for \(unknownFor.components.seconds) s no worker knew jobs of type \(job.type)")
        }
        let longer = delay * (1 << min(max(job.claims - 1, 0), 10))
        let wait = min(longer, Self.longestDelay) * (0.8 + 0.4 * chance)
        // A job with a limit is checked again when the limit is reached.
        let left = limit.map { max(.milliseconds(1), $0 - (job.unknownFor ?? .zero)) } ?? wait
        return .unknownType(
            retryAfter: min(wait, left), error: "waits for a worker that knows jobs of type \(job.type)")
    }
}

/// The unknown types seen so far, so that each is logged once.
package final class UnknownTypes: Sendable {
    /// Types come from producers, so their number is unbounded.
    private static let limit = 1000

    private let met = Mutex<Set<String>>([])

    /// Creates an empty set.
    package init() {}

    /// Whether the type is seen for the first time.
    package func isNew(_ type: String) -> Bool {
        met.withLock { $0.count < Self.limit && $0.insert(type).inserted }
    }
}
