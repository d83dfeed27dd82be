// A worker's turn as a pure machine: what has ended and what is free goes in, what to send or to wait for comes out.

import MartletJobs
import MartletQueue

/// The end of an attempt on its way to the queue.
struct Ended: Sendable {
    var settlement: Settlement
    /// Where it is counted.
    var meters: JobMeters?
    /// Whether the loss of the lease was seen, and counted, before.
    var knowsLoss = false
}

/// Decides what one queue's loop does next.
///
/// There is one round trip at a time. While it is under way ended jobs and free slots gather, and the next turn takes
/// them all: an idle worker settles at once and a busy one batches by itself.
struct TurnMachine: ~Copyable {
    typealias Instant = ContinuousClock.Instant

    /// What the loop shall do.
    enum Action {
        /// Send these; a claim goes behind the settlements, so that it sees the room that they make.
        case turn(settle: [Ended], claim: ClaimRequest?)
        /// Sleep until then or until something happens; listen for wake tokens where there is room for jobs.
        case wait(until: Instant?, listens: Bool)
        /// All is done.
        case finish
    }

    /// What came of a turn.
    struct Outcome {
        /// Jobs to start now.
        var started: [ClaimedJob] = []
        /// What the queue said to each settlement.
        var verdicts: [(Ended, SettleVerdict)] = []
        /// How long the started jobs are held, from before the turn was sent.
        var lease: Duration?
        /// The highest count of wanted stops.
        var stops = 0
        /// Why halves of the turn failed.
        var errors: [QueueError] = []
        /// Whether the number of verdicts was not that of the settlements.
        var isGarbled = false

        /// Whether the turn did all that it was to do.
        var isGood: Bool { errors.isEmpty && !isGarbled }
    }

    /// The most settlements that wait before nothing more is claimed.
    static let debtLimit = 2 * Queue.batchLimit

    private let worker: String
    private let slots: Int
    private let pollInterval: Duration
    /// From 0 to 1.
    private let chance: @Sendable () -> Double

    private var busy = 0
    private var owed: [Ended] = []
    private var sent: [Ended] = []
    private var number = 0
    /// The claim that is under way, or whose outcome is unknown and which must be repeated as it was.
    private var asked: ClaimRequest?
    private var isReplay = false
    private var claimAt: Instant
    private var notBefore: Instant?
    private var failures = 0
    private(set) var isStopping = false
    private var isAbandoned = false

    init(
        worker: String, slots: Int, pollInterval: Duration, now: Instant,
        chance: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.worker = worker
        self.slots = slots
        self.pollInterval = pollInterval
        self.chance = chance
        claimAt = now
    }

    private var hasRoom: Bool { !isStopping && busy < slots }
}

// MARK: - What happens

extension TurnMachine {
    /// A handler has returned: its slot is free, its settlement owed.
    mutating func ended(_ ended: Ended) {
        busy -= 1
        owed.append(ended)
    }

    /// There may be jobs.
    mutating func woken(at now: Instant) { claimAt = min(claimAt, now) }

    /// Nothing new is started from now on.
    mutating func stop() { isStopping = true }

    /// What still runs or is owed is left to the leases.
    mutating func abandon() { isAbandoned = true }

    /// What to do now; to be called only between turns.
    mutating func next(at now: Instant) -> Action {
        if isAbandoned || (isStopping && busy == 0 && owed.isEmpty && asked == nil) { return .finish }
        if let notBefore, now < notBefore { return .wait(until: notBefore, listens: false) }
        let claim = nextClaim(at: now)
        if owed.isEmpty, claim == nil { return .wait(until: hasRoom ? claimAt : nil, listens: hasRoom) }
        sent = Array(owed.prefix(Queue.batchLimit))
        owed.removeFirst(sent.count)
        return .turn(settle: sent, claim: claim)
    }

    /// A claim whose outcome is unknown comes first, even during shutdown: it may have brought jobs.
    private mutating func nextClaim(at now: Instant) -> ClaimRequest? {
        if let asked { return asked }
        guard hasRoom, owed.count < Self.debtLimit, !owed.isEmpty || claimAt <= now else { return nil }
        number += 1
        asked = ClaimRequest(worker: worker, number: number, upTo: slots - busy)
        isReplay = false
        return asked
    }
}

// MARK: - What comes back

extension TurnMachine {
    /// Takes in the reply to a turn.
    mutating func replied(
        settled: Result<SettleReply, QueueError>?, claimed: Result<ClaimReply, QueueError>?, at now: Instant
    ) -> Outcome {
        var outcome = Outcome()
        if let settled { take(settled, &outcome) }
        if let claimed { take(claimed, &outcome, now) }
        if outcome.isGood {
            failures = 0
            notBefore = nil
        } else {
            failures += 1
            notBefore = now + pause(outcome)
        }
        return outcome
    }

    private mutating func take(_ settled: Result<SettleReply, QueueError>, _ outcome: inout Outcome) {
        defer { sent = [] }
        switch settled {
        case .success(let reply) where reply.verdicts.count == sent.count:
            outcome.verdicts = Array(zip(sent, reply.verdicts))
            outcome.stops = reply.stops
        case .success:
            owed = sent + owed
            outcome.isGarbled = true
        case .failure(let error):
            owed = sent + owed
            outcome.errors.append(error)
        }
    }

    private mutating func take(_ claimed: Result<ClaimReply, QueueError>, _ outcome: inout Outcome, _ now: Instant) {
        switch claimed {
        case .success(let reply):
            outcome.stops = max(outcome.stops, reply.stops)
            outcome.lease = reply.lease
            plan(after: reply, now)
            asked = nil
            take(reply.jobs, &outcome)
        case .failure(let error):
            outcome.errors.append(error)
            isReplay = isReplay || error.kind == .unknown
            // Known not to have happened, or answered in a way that no repeat can mend: the next one is a new one.
            if !isReplay || error.isRefusal { asked = nil }
        }
    }

    private mutating func take(_ jobs: [ClaimedJob], _ outcome: inout Outcome) {
        guard isStopping else {
            busy += jobs.count
            outcome.started = jobs
            return
        }
        owed += jobs.map { Ended(settlement: Settlement(id: $0.id, token: $0.token, outcome: .released(after: nil))) }
    }

    /// When to claim again.
    private mutating func plan(after reply: ClaimReply, _ now: Instant) {
        switch reply.status {
        case .stale:
            // Somebody executed a later number in our name; only a higher one is heard.
            number += 1 << 20
            claimAt = now
        case .ok where isReplay || reply.jobs.count >= asked?.upTo ?? 0: claimAt = now
        case .ok: claimAt = now + idleTime(due: reply.nextDue)
        case .paused, .full: claimAt = now + idleTime(due: nil)
        }
    }

    private func idleTime(due: Duration?) -> Duration {
        let poll = pollInterval * 0.8 + pollInterval * 0.4 * chance()
        guard let due else { return poll }
        return min(poll, due + .milliseconds(5) * chance())
    }

    /// The first repeat comes at once, later ones after a pause that grows to 2 s.
    private func pause(_ outcome: Outcome) -> Duration {
        let isHopeless = outcome.isGarbled || outcome.errors.contains(where: \.isRefusal)
        let step = isHopeless ? max(failures, 6) : failures
        guard step > 1 else { return .zero }
        let longest = min(Duration.milliseconds(50) * (1 << min(step - 2, 6)), .seconds(2))
        return longest * (0.5 + 0.5 * chance())
    }
}

extension QueueError {
    fileprivate var isRefusal: Bool {
        if case .refused = kind { return true }
        return false
    }
}
