// Settling: how an attempt ends, once, with the proof that its worker still holds the job.

public import MartletJobs
import MartletRedis

/// The end of one attempt.
public struct Settlement: Sendable {
    /// How it ended.
    public enum Outcome: Sendable, Hashable {
        /// The handler returned; its result as JSON, `nil` for none.
        case completed(output: [UInt8]?)
        /// The handler failed; try again after this wait if retries are left.
        case failed(retryAfter: Duration, error: String)
        /// The handler failed for good.
        case failedForGood(error: String)
        /// The job's own process died; try again after this wait, unless it was the third loss in a row: then it fails as
        /// poison. Costs no retry.
        case crashed(retryAfter: Duration, error: String)
        /// Given back at its old place in line, or after a wait; costs no retry.
        case released(after: Duration?)
        /// Given back by a worker that does not know its type, which the job then says as its error; costs no retry.
        case unknownType(retryAfter: Duration, error: String)
        /// Not now: again after this wait; costs no retry.
        case snoozed(Duration)
        /// The same for a reason, which the job then says as its error.
        case postponed(retryAfter: Duration, error: String)
    }

    /// The bytes of an error's text that are kept.
    public static let errorLimit = 8 << 10
    /// The bytes of a result that are kept.
    public static let outputLimit = 64 << 10

    /// The job.
    public var id: JobID
    /// The proof that this worker holds it.
    public var token: String
    /// How it ended.
    public var outcome: Outcome
    /// The last progress, where the handler said any.
    public var progress: JobProgress?

    /// The end of one attempt.
    public init(id: JobID, token: String, outcome: Outcome, progress: JobProgress? = nil) {
        self.id = id
        self.token = token
        self.outcome = outcome
        self.progress = progress
    }
}

/// What the queue said to a settlement.
public enum SettleVerdict: Sendable, Hashable {
    /// Accepted; the job is in this state now.
    case settled(JobState)
    /// Accepted before, by an earlier send of the same settlement; the job is in this state now, `nil` when deleted.
    case duplicate(JobState?)
    /// Refused: the worker no longer held the job. Nothing changed.
    case fenced
    /// The job is no longer there: settled and not kept, or deleted.
    case gone

    /// Whether the end of the attempt stands in the queue, as far as can be known after a lost reply.
    public var isDone: Bool {
        switch self {
        case .settled, .duplicate, .gone: true
        case .fenced: false
        }
    }
}

/// What the queue said to a batch of settlements.
public struct SettleReply: Sendable {
    /// One for each settlement, in their order.
    public var verdicts: [SettleVerdict]
    /// Rises whenever a stop was asked of any active job of the queue.
    public var stops: Int
}

extension Settlement {
    /// Whether the attempt just completed and has nothing more to say.
    ///
    /// A spent token, behind a minus, is stored of every job that has ended: only the longer way tells it from a live one.
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
            arguments.append("failed")
            arguments.append(Self.bounded(wait))
            arguments.append(Self.cut(error))
        case .failedForGood(let error):
            arguments.append(words: "permanent", "", Self.cut(error))
        case .crashed(let wait, let error):
            arguments.append("crashed")
            arguments.append(Self.bounded(wait))
            arguments.append(Self.cut(error))
        case .released(let wait):
            arguments.append(words: "release", wait.map { "\(Self.bounded($0))" } ?? "", "")
        case .unknownType(let wait, let error):
            let reason = error.isEmpty ? "unknown type" : Self.cut(error)
            arguments.append(words: "release", "\(Self.bounded(wait))", reason)
        case .snoozed(let wait):
            arguments.append(words: "snooze", "\(Self.bounded(wait))", "")
        case .postponed(let wait, let error):
            arguments.append(words: "snooze", "\(Self.bounded(wait))", Self.cut(error))
        }
    }

    /// A wait in ms as the script takes it: no odd number of a handler turns it into none.
    private static func bounded(_ wait: Duration) -> Int { min(max(wait, .zero), NewJob.Limit.delay).inMilliseconds }

    /// An error's text within its limit, with a mark where it was cut.
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
