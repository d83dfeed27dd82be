// The outcome of jobs whose type has no handler here.

import MartletQueue
import Synchronization

/// Releases jobs of unknown types: another worker or a newer version may have the handler.
///
/// The job is not charged, reports why it waits, and fails only when the configuration sets a limit.
struct UnknownTypeRule {
    private static let longestDelay = Duration.seconds(300)

    private let delay: Duration
    private let limit: Duration?

    init(_ configuration: WorkerConfiguration) {
        delay = configuration.unknownTypeDelay
        limit = configuration.unknownTypeLimit
    }

    /// The outcome; `chance`, from 0 to 1, randomises the delay by ±20 %.
    func outcome(of job: ClaimedJob, chance: Double) -> Settlement.Outcome {
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
final class UnknownTypes: Sendable {
    /// Types come from producers, so their number is unbounded.
    private static let limit = 1000

    private let met = Mutex<Set<String>>([])

    /// Whether the type is seen for the first time.
    func isNew(_ type: String) -> Bool {
        met.withLock { $0.count < Self.limit && $0.insert(type).inserted }
    }
}
