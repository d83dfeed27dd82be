// What this server knows of the claims that it handed out, for log lines, metrics and retries; nothing depends on it.

import MartletJobs
import MartletQueue
import Synchronization

/// The facts of a claim that the token does not say.
struct LeaseFacts: Sendable {
    var type: String
    var holder: ClaimHolder
    /// The attempt's number from 1.
    var attempt: Int
    var retryPolicy: RetryPolicy
    /// When it was handed out; `nil` for a claim of another server.
    var since: ContinuousClock.Instant?
    /// When the entry may be forgotten.
    var until: ContinuousClock.Instant = .now
}

/// The claims that this server handed out and that are not settled.
///
/// A restart forgets them, and a claim may be settled through another server: then the facts are read from Redis where a
/// retry needs them, and are missing in log lines.
final class LeaseTable: Sendable {
    private struct State {
        var facts: [ClaimToken: LeaseFacts] = [:]
        var busy: [ClaimHolder: [QueueName: Int]] = [:]
    }

    /// The most claims.
    private static let limit = 100_000
    /// How long an entry is kept after its last heartbeat: longer than any lease.
    private static let kept = Duration.seconds(1800)

    private let state = Mutex(State())

    /// Notes claims that are handed out.
    func add(_ jobs: [HeldJob], to holder: ClaimHolder) {
        state.withLock { state in
            if state.facts.count + jobs.count > Self.limit { Self.forgetOld(&state) }
            guard state.facts.count + jobs.count <= Self.limit else { return }
            for held in jobs {
                state.facts[held.token] = LeaseFacts(
                    type: held.job.type, holder: holder, attempt: held.job.failures + 1,
                    retryPolicy: held.job.retryPolicy, since: held.since, until: held.since + Self.kept)
                state.busy[holder, default: [:]][held.token.queue, default: 0] += 1
            }
        }
    }

    /// The facts of a claim, if this server handed it out.
    subscript(_ token: ClaimToken) -> LeaseFacts? { state.withLock { $0.facts[token] } }

    /// How many jobs of a queue a worker holds.
    func busy(_ holder: ClaimHolder, in queue: QueueName) -> Int { state.withLock { $0.busy[holder]?[queue] ?? 0 } }

    /// A claim was renewed.
    func renew(_ token: ClaimToken) { state.withLock { $0.facts[token]?.until = .now + Self.kept } }

    /// A claim has ended.
    func remove(_ token: ClaimToken) { state.withLock { Self.remove(token, &$0) } }

    private static func remove(_ token: ClaimToken, _ state: inout State) {
        guard let facts = state.facts.removeValue(forKey: token) else { return }
        let left = (state.busy[facts.holder]?[token.queue] ?? 1) - 1
        state.busy[facts.holder]?[token.queue] = left > 0 ? left : nil
        if state.busy[facts.holder]?.isEmpty ?? false { state.busy[facts.holder] = nil }
    }

    private static func forgetOld(_ state: inout State) {
        let now = ContinuousClock.now
        for token in state.facts.filter({ $0.value.until < now }).keys { remove(token, &state) }
    }
}
