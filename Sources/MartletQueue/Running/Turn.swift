// A turn: settles finished attempts and claims jobs for free slots, in one script call.

import MartletJobs
import MartletRedis

/// The result of a turn.
public struct TurnReply: Sendable {
    /// The answers to the settlements.
    public var settled: SettleReply
    /// The claimed jobs; `nil` without a claim.
    public var claimed: ClaimReply?
}

extension Queue {
    /// Settles finished attempts, then claims jobs for the slots that this frees; both happen or neither does.
    ///
    /// One round trip and one script; at most 500 settlements. After an unknown outcome, send both again unchanged.
    ///
    /// - Parameters:
    ///   - settlements: the finished attempts.
    ///   - claim: the claim; `nil` claims nothing.
    /// - Returns: the answers and the claimed jobs.
    /// - Throws: ``QueueError``.
    public func turn(settle settlements: [Settlement], claim: ClaimRequest?) async throws(QueueError) -> TurnReply {
        let call = TurnCall(settlements[...], claim: claim)
        return try call.reply(await run(.turn, call.arguments, ids: settlements.map(\.id)))
    }

    /// Claims up to `request.upTo` jobs.
    ///
    /// One round trip; repeating the same request replays it.
    ///
    /// - Parameter request: the claim.
    /// - Returns: the jobs.
    /// - Throws: ``QueueError``.
    public func claim(_ request: ClaimRequest) async throws(QueueError) -> ClaimReply {
        let call = TurnCall([], claim: request)
        let value = try await run(.turn, call.arguments)
        guard let claimed = try call.reply(value).claimed else { throw .broken("turn", value) }
        return claimed
    }

    /// Settles a batch, at most 500 per request; repeating it is safe.
    ///
    /// - Parameter settlements: the finished attempts.
    /// - Returns: the answers.
    /// - Throws: ``QueueError``.
    public func settle(_ settlements: [Settlement]) async throws(QueueError) -> SettleReply {
        var reply = SettleReply(verdicts: [], stops: 0)
        for chunk in settlements.chunks(of: Queue.batchLimit) {
            let call = TurnCall(chunk, claim: nil)
            let part = try call.reply(await run(.turn, call.arguments, ids: chunk.map(\.id))).settled
            reply.verdicts += part.verdicts
            reply.stops = part.stops
        }
        return reply
    }
}

/// A turn in wire form: five words for the claim, then two per plain completion, then six per other settlement.
struct TurnCall {
    /// The position of each settlement among the words; plain ones first.
    private var order: [Int] = []
    private let claim: ClaimRequest?
    /// The words for the script.
    private(set) var arguments: RedisArguments

    /// Creates the call that settles these attempts and then claims.
    init(_ settlements: ArraySlice<Settlement>, claim: ClaimRequest?) {
        self.claim = claim
        arguments = RedisArguments(claim?.worker ?? "")
        arguments.reserveCapacity(settlements.count * 80 + 100)
        arguments.append(claim?.number ?? 0)
        arguments.append(claim?.nonce ?? "")
        arguments.append(claim?.upTo ?? 0)
        if let lease = claim?.lease {
            arguments.append("\(claim?.lastChances ?? 0) \(lease.inMilliseconds)")
        } else {
            arguments.append(claim?.lastChances ?? 0)
        }
        var others: [Int] = []
        order.reserveCapacity(settlements.count)
        for (index, settlement) in settlements.enumerated() {
            if settlement.isPlain { order.append(index) } else { others.append(index) }
        }
        arguments.append(order.count)
        let start = settlements.startIndex
        for index in order { settlements[start + index].appendProof(to: &arguments) }
        for index in others { settlements[start + index].append(to: &arguments) }
        order += others
    }

    /// The number of words before the jobs, and per job.
    private static let headWords = 7
    private static let jobWords = 4

    /// Parses `{status, lease, due, stops, now, nonce, {position from 1, verdict, …} of settlements that did not simply
    /// complete}` and four words per job; allocates only the id, type and array of each job and reuses the payload.
    func reply(_ value: RedisValue) throws(QueueError) -> TurnReply {
        guard let parts = value.array, parts.count >= Self.headWords,
            (parts.count - Self.headWords).isMultiple(of: Self.jobWords), let stops = parts[3].int,
            let verdicts = parts[6].array.flatMap(verdicts)
        else { throw .broken("turn", value) }
        let settled = SettleReply(verdicts: verdicts, stops: stops)
        guard claim != nil else { return TurnReply(settled: settled, claimed: nil) }
        guard let status = parts[0].string.flatMap(ClaimReply.Status.init), let lease = parts[1].int,
            let due = parts[2].int, let now = parts[4].int, let nonce = parts[5].string
        else { throw .broken("turn", value) }
        let claimed = ClaimReply(
            status: status, jobs: try Self.jobs(parts[Self.headWords...], nonce: nonce, now: now),
            lease: .milliseconds(lease), nextDue: due < 0 ? nil : .milliseconds(due), stops: stops)
        return TurnReply(settled: settled, claimed: claimed)
    }

    private func verdicts(_ unusual: [RedisValue]) -> [SettleVerdict]? {
        guard unusual.count.isMultiple(of: 2) else { return nil }
        var verdicts = [SettleVerdict](repeating: .settled(.completed), count: order.count)
        for index in stride(from: 0, to: unusual.count, by: 2) {
            guard let position = unusual[index].int, position > 0, order.indices.contains(position - 1),
                let verdict = SettleVerdict(unusual[index + 1])
            else { return nil }
            verdicts[order[position - 1]] = verdict
        }
        return verdicts
    }

    private static func jobs(_ words: ArraySlice<RedisValue>, nonce: String, now: Int) throws(QueueError)
        -> [ClaimedJob]
    {
        var jobs: [ClaimedJob] = []
        jobs.reserveCapacity(words.count / jobWords)
        // Most jobs are claimed for the first time and share one token.
        let firstToken = "1:" + nonce
        for index in stride(from: words.startIndex, to: words.endIndex, by: jobWords) {
            let part = words[index..<(index + jobWords)]
            // An unreadable job is left to its lease: it is lost with each claim, finally fails, and does not block
            // others.
            if let job = try ClaimedJob(part, nonce: nonce, firstToken: firstToken, now: now) { jobs.append(job) }
        }
        return jobs
    }
}
