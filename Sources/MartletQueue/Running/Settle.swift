// Settling: how an attempt ends, once, with the token that proves the lease.

public import MartletJobs
import MartletRedis

/// The settlement of one attempt.
///
/// ```swift
/// let settlement = Settlement(id: job.id, token: job.token, outcome: .completed(output: nil))
/// let reply = try await queue.settle([settlement])
/// ```
public struct Settlement: Sendable {
    /// The outcome of an attempt.
    public enum Outcome: Sendable, Hashable {
        /// The handler returned; the value is its output as JSON, `nil` for none.
        case completed(output: [UInt8]?)
        /// The handler failed; retry after this delay if retries are left.
        case failed(retryAfter: Duration, error: String)
        /// The handler failed permanently.
        case failedForGood(error: String)
        /// The isolated process died; retry after this delay, unless this is the third consecutive loss: then the job
        /// fails as poison.
        ///
        /// Uses up no retry.
        case crashed(retryAfter: Duration, error: String)
        /// Released at its old position, or after a delay; uses up no retry.
        case released(after: Duration?)
        /// Released by a worker without a handler; the job shows the error.
        ///
        /// Uses up no retry.
        case unknownType(retryAfter: Duration, error: String)
        /// Run again after this delay; uses up no retry.
        case snoozed(Duration)
        /// Run again after this delay, showing the reason as the job's error; uses up no retry.
        case postponed(retryAfter: Duration, error: String)
        /// The service behind one of the job's limit keys told it to wait: the job goes back to its position, and no job
        /// that names the key starts for this long, at most 24 hours; uses up no retry.
        ///
        /// If the job does not have the key, only the job waits.
        case throttled(key: String, after: Duration, reason: String)
    }

    /// The longest stored error in bytes.
    public static let errorLimit = 8 << 10
    /// The largest stored output in bytes.
    public static let outputLimit = 64 << 10

    /// The job's id.
    public var id: JobID
    /// The claim token that proves the lease.
    public var token: String
    /// The outcome.
    public var outcome: Outcome
    /// The last progress, if the handler reported any.
    public var progress: JobProgress?
    /// The worker's id, which a failed attempt keeps; `nil` leaves it out.
    public var worker: String?

    /// Creates a settlement.
    ///
    /// - Parameters:
    ///   - id: the job's id.
    ///   - token: the claim token that proves the lease.
    ///   - outcome: the outcome.
    ///   - progress: the last progress, if the handler reported any.
    ///   - worker: the worker's id, which a failed attempt keeps.
    public init(
        id: JobID, token: String, outcome: Outcome, progress: JobProgress? = nil, worker: String? = nil
    ) {
        self.id = id
        self.token = token
        self.outcome = outcome
        self.progress = progress
        self.worker = worker
    }
}

/// The queue's answer to a settlement.
///
/// ```swift
/// for (settlement, verdict) in zip(settlements, reply.verdicts) where !verdict.isDone {
///     print("\(settlement.id) runs elsewhere; this result does not count")
/// }
/// ```
public enum SettleVerdict: Sendable, Hashable {
    /// Accepted; the job is now in this state.
    case settled(JobState)
    /// Accepted earlier from the same settlement; the job is now in this state, `nil` when deleted.
    case duplicate(JobState?)
    /// Refused: the worker no longer held the job.
    ///
    /// Nothing changed.
    case fenced
    /// The job no longer exists: settled and not kept, or deleted.
    case gone

    /// Whether the queue has recorded the end of the attempt, as far as can be known after a lost reply.
    public var isDone: Bool {
        switch self {
        case .settled, .duplicate, .gone: true
        case .fenced: false
        }
    }
}

/// The queue's answer to a batch of settlements.
public struct SettleReply: Sendable {
    /// One answer per settlement, in order.
    public var verdicts: [SettleVerdict]
    /// Increases whenever a stop is requested for any active job of the queue.
    public var stops: Int
}

extension Settlement {
    /// Whether the attempt completed without output or progress.
    ///
    /// A spent token, with a leading minus, is stored for every finished job: only the longer form distinguishes it
    /// from a live one.
    var isPlain: Bool { outcome == .completed(output: nil) && progress == nil && token.utf8.first != UInt8(ascii: "-") }

    func appendProof(to arguments: inout RedisArguments) {
        arguments.append(id.description)
        arguments.append(token)
    }

    func append(to arguments: inout RedisArguments) {
        appendProof(to: &arguments)
        appendOutcome(to: &arguments)
        arguments.append(progress?.stored ?? "")
    }

    private func appendOutcome(to arguments: inout RedisArguments) {
        switch outcome {
        case .completed(let output):
            arguments.append(words: "completed", "")
            arguments.append(output ?? [])
        case .failed(let wait, let error):
            appendFailure("failed", error, after: Self.bounded(wait), to: &arguments)
        case .failedForGood(let error):
            appendFailure("permanent", error, after: nil, to: &arguments)
        case .crashed(let wait, let error):
            // Should this crash make the job poison, then its error is another one.
            let poison = ErrorFingerprint.of("poison: \(Self.cut(error)), after 3 losses in a row")
            appendFailure("crashed \(poison)", error, after: Self.bounded(wait), to: &arguments)
        case .released(let wait):
            arguments.append(words: "release", wait.map { "\(Self.bounded($0))" } ?? "", "")
        case .unknownType(let wait, let error):
            let reason = error.isEmpty ? "unknown type" : Self.cut(error)
            arguments.append(words: "release", "\(Self.bounded(wait))", reason)
        case .snoozed(let wait):
            arguments.append(words: "snooze", "\(Self.bounded(wait))", "")
        case .postponed(let wait, let error):
            arguments.append(words: "snooze", "\(Self.bounded(wait))", Self.cut(error))
        case .throttled(let key, let wait, let reason):
            let text = reason.isEmpty ? "throttled by \(key)" : Self.cut(reason)
            arguments.append(words: "throttled \(key)", "\(Self.bounded(wait))", text)
        }
    }

    /// The outcome with the fingerprint of its error and the worker, the delay, and the error.
    private func appendFailure(
        _ outcome: String, _ error: String, after wait: Int?, to arguments: inout RedisArguments
    ) {
        let error = Self.cut(error)
        arguments.append(
            words: "\(outcome) \(ErrorFingerprint.of(error)) \(worker ?? "")", wait.map(String.init) ?? "", error)
    }

    /// The error of a job whose workers died; all of them have one fingerprint.
    static let poison = "poison: its worker died 3 times in a row"

    /// A delay in ms for the script, clamped, since a handler's value may be anything.
    private static func bounded(_ wait: Duration) -> Int { min(max(wait, .zero), NewJob.Limit.delay).inMilliseconds }

    /// An error's text within its limit, with a mark where it was truncated.
    private static func cut(_ text: String) -> String {
        guard text.utf8.count > errorLimit else { return text }
        return String(decoding: text.utf8.prefix(errorLimit - 4), as: UTF8.self) + "…"
    }
}

extension SettleVerdict {
    init?(_ value: RedisValue) {
        if let state = value.string.flatMap(JobState.init) {
            self = .settled(state)
            return
        }
        switch value.array?.first?.string {
        case "duplicate": self = .duplicate(value.array?.last?.string.flatMap(JobState.init))
        case "fenced": self = .fenced
        case "gone": self = .gone
        default: return nil
        }
    }
}

extension RedisArguments {
    mutating func append(words: String...) {
        for word in words { append(word) }
    }
}
