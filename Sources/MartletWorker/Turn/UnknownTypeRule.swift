// What becomes of a job whose type no handler here knows.

import MartletQueue
import Synchronization

/// Another worker may know the type, or a newer version of this one: the job goes back uncharged, says why it waits, and
/// is given up only where the configuration says so.
struct UnknownTypeRule {
    private static let longestDelay = Duration.seconds(300)

    private let delay: Duration
    private let limit: Duration?

    init(_ configuration: WorkerConfiguration) {
        delay = configuration.unknownTypeDelay
        limit = configuration.unknownTypeLimit
    }

    /// How the attempt ends; `chance`, from 0 to 1, spreads the waits by a fifth.
    func outcome(of job: ClaimedJob, chance: Double) -> Settlement.Outcome {
        if let limit, let unknownFor = job.unknownFor, unknownFor >= limit {
            return .failedForGood(
                error: "unsupported: for \(unknownFor.components.seconds) s no worker knew jobs of type \(job.type)")
        }
        let longer = delay * (1 << min(max(job.claims - 1, 0), 10))
        let wait = min(longer, Self.longestDelay) * (0.8 + 0.4 * chance)
        // What has a limit is looked at again when it is reached, not minutes later.
        let left = limit.map { max(.milliseconds(1), $0 - (job.unknownFor ?? .zero)) } ?? wait
        return .unknownType(
            retryAfter: min(wait, left), error: "waits for a worker that knows jobs of type \(job.type)")
    }
}

/// The unknown types that were met, so that the log names each once.
final class UnknownTypes: Sendable {
    /// Types come from outside and could be without number.
    private static let limit = 1000

    private let met = Mutex<Set<String>>([])

    /// Whether a type is met for the first time.
    func isNew(_ type: String) -> Bool {
        met.withLock { $0.count < Self.limit && $0.insert(type).inserted }
    }
}
