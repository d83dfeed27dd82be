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
        /// Given back at its old place in line, or after a wait; costs no retry.
        case released(after: Duration?)
        /// Not now: again after this wait; costs no retry.
        case snoozed(Duration)
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

extension Queue {
    /// Settles a batch, at most 500 for each script; repeating it is safe.
    ///
    /// One round trip for each 500.
    public func settle(_ settlements: [Settlement]) async throws(QueueError) -> SettleReply {
        var reply = SettleReply(verdicts: [], stops: 0)
        for chunk in settlements.chunks(of: Queue.batchLimit) {
            let batch = SettleBatch(chunk)
            let part = try batch.reply(await run(.settle, batch.arguments, ids: chunk.map(\.id)))
            reply.verdicts += part.verdicts
            reply.stops = part.stops
        }
        return reply
    }

    /// A worker's turn: settles what has finished and claims what has room, in one write and one wait.
    ///
    /// Each half has its own result; at most 500 settlements.
    public func turn(
        settle settlements: [Settlement], claim: ClaimRequest?
    ) async -> (settled: Result<SettleReply, QueueError>?, claimed: Result<ClaimReply, QueueError>?) {
        let batch = SettleBatch(settlements[...])
        var calls: [(QueueScript, RedisArguments, [JobID])] = []
        if !settlements.isEmpty { calls.append((.settle, batch.arguments, settlements.map(\.id))) }
        if let claim { calls.append((.claim, claim.arguments, [])) }
        var results = await run(calls)[...]
        let settled = settlements.isEmpty ? nil : results.popFirst()
        let claimed = claim == nil ? nil : results.popFirst()
        return (
            settled.map { result in
                result.flatMap { value in .init { () throws(QueueError) in try batch.reply(value) } }
            },
            claimed.map { result in result.flatMap { value in .init { () throws(QueueError) in try ClaimReply(value) } }
            }
        )
    }
}

/// A batch of settlements on its way: the plain completions first, two words each, then the others with six.
struct SettleBatch {
    /// Where the plain ones stand among the settlements, and where the others.
    private var plain: [Int] = []
    private var others: [Int] = []
    /// The batch as the script `settle` reads it.
    private(set) var arguments = RedisArguments()

    /// The batch of these settlements.
    init(_ settlements: ArraySlice<Settlement>) {
        arguments.reserveCapacity(settlements.count * 80)
        plain.reserveCapacity(settlements.count)
        for (index, settlement) in settlements.enumerated() {
            if settlement.isPlain { plain.append(index) } else { others.append(index) }
        }
        arguments.append(plain.count)
        let start = settlements.startIndex
        for index in plain { settlements[start + index].appendProof(to: &arguments) }
        for index in others { settlements[start + index].append(to: &arguments) }
    }

    /// Reads `{ok, stops, {position from 1, verdict, …} of the plain ones, verdict of each other…}`.
    func reply(_ value: RedisValue) throws(QueueError) -> SettleReply {
        guard let parts = value.array, parts.count == 3 + others.count, let stops = parts[1].int,
            let unusual = parts[2].array, unusual.count.isMultiple(of: 2)
        else { throw .broken("settle", value) }
        var reply = SettleReply(
            verdicts: Array(repeating: .settled(.completed), count: plain.count + others.count), stops: stops)
        for index in stride(from: 0, to: unusual.count, by: 2) {
            guard let position = unusual[index].int, plain.indices.contains(position - 1),
                let verdict = SettleVerdict(unusual[index + 1])
            else { throw .broken("settle", value) }
            reply.verdicts[plain[position - 1]] = verdict
        }
        for (index, part) in zip(others, parts[3...]) {
            guard let verdict = SettleVerdict(part) else { throw .broken("settle", part) }
            reply.verdicts[index] = verdict
        }
        return reply
    }
}

extension Settlement {
    /// Whether the attempt just completed and has nothing more to say.
    fileprivate var isPlain: Bool { outcome == .completed(output: nil) && progress == nil }

    fileprivate func appendProof(to arguments: inout RedisArguments) {
        arguments.append(id.description)
        arguments.append(token)
    }

    fileprivate func append(to arguments: inout RedisArguments) {
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
            arguments.append(wait.inMilliseconds)
            arguments.append(Self.cut(error))
        case .failedForGood(let error):
            arguments.append(words: "permanent", "", Self.cut(error))
        case .released(let wait):
            arguments.append(words: "release", wait.map { "\($0.inMilliseconds)" } ?? "", "")
        case .snoozed(let wait):
            arguments.append(words: "snooze", "\(wait.inMilliseconds)", "")
        }
    }

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
