// Claims from one queue for all callers of a server, who share one wait for tokens at Redis.

import MartletJobs
import MartletQueue
import Synchronization

/// A job that was claimed for a caller.
struct HeldJob: Sendable {
    var token: ClaimToken
    var job: ClaimedJob
    /// How long it is held without a heartbeat, from before the claim was sent.
    var lease: Duration
    /// When the claim was sent.
    var since: ContinuousClock.Instant
}

/// What one look at a queue has brought.
struct ClaimLook: Sendable {
    var jobs: [HeldJob] = []
    /// Whether the queue may have more jobs at once.
    var goesOn: Bool
    /// When to look again without a token.
    var nextLook: ContinuousClock.Instant
}

/// The claims of one queue for the callers of a server; wakes those that wait.
final class QueueClaims: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var callers = WaitingCallers()
        var waiters: [Int: ClaimWaiter] = [:]
        var nextNumber = 0
        /// The wait for a token, while anybody waits.
        var listener: (task: Task<Void, Never>, until: Instant)?
        var listenerNumber = 0
    }

    /// How long a look is valid when nothing announces a job, ± 20 %.
    private static let pollInterval = Duration.seconds(1)
    /// How often a look claims anew after jobs that could not be handed out.
    private static let mostRounds = 10

    let queue: Queue
    private let sequences: ClaimSequences
    private let state = Mutex(State())

    init(queue: Queue, server: String, keeper: ClaimKeeper) {
        self.queue = queue
        sequences = ClaimSequences(queue: queue, server: server, keeper: keeper)
    }

    /// Whether nobody uses it.
    var isIdle: Bool { state.withLock { $0.waiters.isEmpty } && sequences.isIdle }

    /// Settles attempts and claims for a caller, in one script; jobs of types that it does not know go back.
    ///
    /// - Parameters:
    ///   - order: the caller's request.
    ///   - most: the most jobs to take.
    ///   - holder: who will hold them.
    func look(_ order: ClaimOrder, most: Int, for holder: ClaimHolder) async throws(QueueError) -> ClaimLook {
        for _ in 1..<Self.mostRounds {
            let look = try await lookOnce(order, most, holder)
            guard look.jobs.isEmpty, look.goesOn else { return look }
        }
        return try await lookOnce(order, most, holder)
    }

    private func lookOnce(
        _ order: ClaimOrder, _ most: Int, _ holder: ClaimHolder
    ) async throws(QueueError) -> ClaimLook {
        let nonce = ClaimNonce(for: holder, in: queue.name)
        let since = Instant.now
        let reply = try await sequences.claim(upTo: most, lease: order.lease, nonce: nonce)
        var look = ClaimLook(
            goesOn: reply.status == .ok && (reply.jobs.count >= most || reply.nextDue == .zero),
            nextLook: since + Self.idleTime(reply))
        var unknown: [ClaimedJob] = []
        for job in reply.jobs {
            if order.types?.contains(job.type) ?? true {
                look.jobs.append(
                    HeldJob(
                        token: ClaimToken(job, in: queue.name, nonce: nonce), job: job, lease: reply.lease, since: since
                    ))
            } else {
                unknown.append(job)
            }
        }
        await sequences.keeper.releaseUnknown(unknown, to: queue)
        return look
    }

    /// When to look again, as the reply to a claim says.
    private static func idleTime(_ reply: ClaimReply) -> Duration {
        let poll = pollInterval * Double.random(in: 0.8...1.2)
        guard reply.status == .ok, let due = reply.nextDue else { return poll }
        return min(poll, due + .milliseconds(Int.random(in: 0...5)))
    }
}

// MARK: - Waiting

extension QueueClaims {
    /// Lets a caller wait, which is woken when it has to look; answers its number here.
    func join(_ waiter: ClaimWaiter, nextLook: Instant) -> Int {
        change { state in
            state.nextNumber += 1
            state.waiters[state.nextNumber] = waiter
            state.callers.join(state.nextNumber, nextLook: nextLook)
            return (state.nextNumber, nil)
        }
    }

    /// Ends a wait.
    func leave(_ number: Int) {
        change { state in
            state.waiters[number] = nil
            return ((), state.callers.leave(number))
        }
    }

    /// Tells what the caller found that was woken.
    func looked(_ number: Int, goesOn: Bool, nextLook: Instant) {
        change { ((), $0.callers.looked(number, goesOn: goesOn, nextLook: nextLook)) }
    }

    private func woken(_ listener: Int) {
        change { state in
            if state.listenerNumber == listener { state.listener = nil }
            return ((), state.callers.woken())
        }
    }

    /// Changes the waiting callers, wakes who has to look, and keeps exactly one wait for a token while anybody waits.
    private func change<Value>(_ body: (inout State) -> (Value, Int?)) -> Value {
        let (value, waiter, ended) = state.withLock { state in
            let (value, next) = body(&state)
            return (value, next.flatMap { state.waiters[$0] }, listen(&state))
        }
        ended?.cancel()
        waiter?.wake(queue.name)
        return value
    }

    /// Starts, restarts or ends the wait for a token; answers the task that is no longer wanted.
    private func listen(_ state: inout State) -> Task<Void, Never>? {
        guard let next = state.callers.nextLook, !state.callers.isEmpty else {
            return state.listener.take()?.task
        }
        // While a caller looks, a token waits in its list, and the look says when the next one is due.
        if state.callers.looking != nil { return nil }
        if let listener = state.listener, listener.until <= next { return nil }
        let ended = state.listener?.task
        state.listenerNumber += 1
        let number = state.listenerNumber
        let task = Task { [weak self, queue] in
            do { _ = try await queue.waitForWork(atMost: max(.milliseconds(1), next - .now)) } catch { return }
            self?.woken(number)
        }
        state.listener = (task, next)
        return ended
    }
}
