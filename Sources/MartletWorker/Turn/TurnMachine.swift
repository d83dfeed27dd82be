// The state machine of a worker's turns: takes finished jobs and free slots, returns what to send or await. Pure.

import MartletJobs
import MartletQueue
import Tracing

/// A finished attempt that must be settled.
struct FinishedAttempt: Sendable {
    var settlement: Settlement
    /// The wire name, for log lines.
    var type: String
    /// The attempt's number from 1, for log lines.
    var attempt: Int
    /// The metrics to record it in.
    var metrics: JobMetrics?
    /// Whether the loss of the lease was already seen and counted.
    var knowsLoss = false
    /// Whether the attempt was the last one allowed after lost workers.
    var wasLastChance = false
    /// How long the handler ran; `nil` when it did not run.
    var took: Duration?
    /// The span of the attempt, if there is a tracer.
    var span: ServiceContext?
}

extension FinishedAttempt {
    /// A finished attempt of `job` with this outcome.
    init(_ job: ClaimedJob, _ outcome: Settlement.Outcome, progress: JobProgress? = nil) {
        settlement = Settlement(id: job.id, token: job.token, outcome: outcome, progress: progress)
        type = job.type
        attempt = job.failures + 1
        wasLastChance = job.isInLastChance
    }
}

/// One turn: a single request that settles finished attempts and claims jobs.
struct Turn: Sendable {
    /// Identifies the turn among those in flight.
    let number: Int
    let settle: [FinishedAttempt]
    /// The claim; it can use the slots that the settlements free.
    let claim: ClaimRequest?
}

/// Decides what the loop of one queue does next.
///
/// While a turn is in flight, finished jobs and free slots accumulate, and the next turn takes all of them: an idle
/// worker settles at once, a busy one batches. When more jobs wait than there are slots, two turns are in flight, so
/// that Redis works on one while handlers run the jobs of the other.
///
/// Each of the two turns numbers its claims separately. Redis remembers the last call of each sequence, so a lost reply
/// can be requested again however many turns are in flight.
///
/// With short handlers, more jobs are claimed than there are slots; see ``HandlerDurationEstimate``.
struct TurnMachine: ~Copyable {
    typealias Instant = ContinuousClock.Instant

    /// The next action of the loop.
    enum Action {
        case turn(Turn)
        /// Wait until `until` or until an event; `ended` finished attempts count as an event.
        ///
        /// Listen for wake tokens when slots are free; `nil` changes nothing.
        case wait(until: Instant?, listens: Bool?, ended: Int?)
        /// Everything is settled.
        case finish
    }

    /// The effects of a turn's result.
    struct Outcome {
        /// Jobs to start, in order, as slots become free.
        var started: [ClaimedJob] = []
        /// The verdict on each settlement.
        var verdicts: [(FinishedAttempt, SettleVerdict)] = []
        /// The lease of the started jobs, counted from before the turn was sent.
        var lease: Duration?
        /// The highest count of stop requests.
        var stops = 0
        /// Why the turn failed.
        var error: QueueError?
    }

    /// A sequence of claims, one at a time.
    private struct ClaimSequence {
        let worker: String
        var number = 0
        /// The claim in flight, or one with an unknown outcome that must be repeated unchanged.
        var asked: ClaimRequest?
        var isInFlight = false
        var isReplay = false
    }

    private struct InFlightTurn {
        let turn: Turn
        let sequence: Int?
        let round: Int
    }

    /// When this many settlements wait, the worker stops claiming.
    static let unsettledLimit = 2 * Queue.batchLimit
    /// The most turns in flight.
    static let width = 2
    /// The suffix of the claimer's name in the second sequence.
    static let secondSequence = "#2"

    private let slots: Int
    private let pollInterval: Duration
    private let claimAhead: Duration
    private let isolatesLostJobs: Bool
    /// A random number from 0 to 1.
    private let chance: @Sendable () -> Double

    /// The number of jobs that were claimed and have not finished.
    private var busy = 0
    private var durations = HandlerDurationEstimate()
    /// The number of running jobs in their last chance.
    private var lastChances = 0
    private var unsettled: [FinishedAttempt] = []
    private var sequences: [ClaimSequence]
    private var inFlight: [InFlightTurn] = []
    private var turns = 0
    private var claimAt: Instant
    /// Whether a wake token came after the last claim was sent.
    private var isWoken = false
    /// Whether the last claim returned as many jobs as requested.
    private var hasBacklog = false
    private var notBefore: Instant?
    private var failures = 0
    /// Increases with each failure, so that turns that failed together count once.
    private var round = 0
    private(set) var isStopping = false
    private var isAbandoned = false

    init(
        worker: String, slots: Int, pollInterval: Duration, claimAhead: Duration = .zero,
        isolatesLostJobs: Bool = false, now: Instant,
        chance: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.slots = slots
        self.pollInterval = pollInterval
        self.claimAhead = claimAhead
        self.isolatesLostJobs = isolatesLostJobs
        self.chance = chance
        sequences = [ClaimSequence(worker: worker), ClaimSequence(worker: worker + Self.secondSequence)]
        claimAt = now
    }

    /// The most jobs here at once: the slots, plus jobs that will start soon.
    private var capacity: Int { slots + durations.ahead(slots: slots, within: claimAhead) }

    /// How many more jobs can be claimed.
    private var freeCapacity: Int {
        isStopping ? 0 : capacity - busy - sequences.reduce(0) { $0 + ($1.asked?.upTo ?? 0) }
    }

    /// How many last-chance jobs a claim may return: one at a time, unless they run in isolated processes.
    private var chances: Int {
        if isolatesLostJobs { return slots }
        return lastChances == 0 && sequences.allSatisfy { $0.asked?.lastChances ?? 0 == 0 } ? 1 : 0
    }

    /// The number of turns that may be in flight now.
    private var limit: Int { hasBacklog && failures == 0 && !isStopping ? Self.width : 1 }

    /// The free capacity that justifies a second turn; the other turn uses the rest.
    private var half: Int { (capacity + 1) / 2 }
}

// MARK: - What happens

extension TurnMachine {
    /// Adds a finished or released attempt: its slot is free and its settlement pending.
    mutating func ended(_ ended: FinishedAttempt) {
        busy -= 1
        if let took = ended.took { durations.note(took) }
        if ended.wasLastChance { lastChances -= 1 }
        unsettled.append(ended)
    }

    /// Records that jobs may be available.
    mutating func woken(at now: Instant) {
        isWoken = true
        claimAt = min(claimAt, now)
    }

    /// Records that jobs claimed ahead waited too long.
    mutating func stalled() { durations.stalled() }

    /// Stops claiming and starting jobs.
    mutating func stop() { isStopping = true }

    /// Abandons running jobs and pending settlements; their leases will expire.
    mutating func abandon() { isAbandoned = true }

    /// The next action.
    mutating func next(at now: Instant) -> Action {
        if isAbandoned || isDone { return .finish }
        guard inFlight.isEmpty else { return nextBeside(at: now) }
        if let notBefore, now < notBefore { return .wait(until: notBefore, listens: false, ended: nil) }
        let claim = nextClaim(at: now)
        guard !unsettled.isEmpty || claim != nil else {
            return .wait(until: freeCapacity > 0 ? claimAt : nil, listens: freeCapacity > 0, ended: 1)
        }
        return .turn(turn(claim))
    }

    private var isDone: Bool {
        isStopping && busy == 0 && unsettled.isEmpty && inFlight.isEmpty && sequences.allSatisfy { $0.asked == nil }
    }

    /// The next action while a turn is in flight.
    private mutating func nextBeside(at now: Instant) -> Action {
        guard inFlight.count < limit else { return .wait(until: nil, listens: nil, ended: nil) }
        let missing = half - freeCapacity
        guard missing <= 0, let claim = nextClaim(at: now) else {
            return .wait(until: nil, listens: nil, ended: max(missing, 1))
        }
        return .turn(turn(claim))
    }

    private mutating func turn(_ claim: (request: ClaimRequest, sequence: Int)?) -> Turn {
        turns += 1
        let turn = Turn(number: turns, settle: Array(unsettled.prefix(Queue.batchLimit)), claim: claim?.request)
        unsettled.removeFirst(turn.settle.count)
        inFlight.append(InFlightTurn(turn: turn, sequence: claim?.sequence, round: round))
        return turn
    }

    /// The next claim.
    ///
    /// One with an unknown outcome comes first, even during shutdown: it may have claimed jobs.
    private mutating func nextClaim(at now: Instant) -> (request: ClaimRequest, sequence: Int)? {
        if let sequence = sequences.firstIndex(where: { $0.asked != nil && !$0.isInFlight }),
            let asked = sequences[sequence].asked
        {
            sequences[sequence].isInFlight = true
            return (asked, sequence)
        }
        guard freeCapacity > 0, unsettled.count < Self.unsettledLimit, !unsettled.isEmpty || claimAt <= now,
            let sequence = sequences.firstIndex(where: { $0.asked == nil })
        else { return nil }
        // When more jobs wait than there is capacity, one turn claims half and leaves the rest to the other.
        let most = limit > 1 ? half : capacity
        sequences[sequence].number += 1
        let request = ClaimRequest(
            worker: sequences[sequence].worker, number: sequences[sequence].number, upTo: min(freeCapacity, most),
            lastChances: chances,
            nonce: ClaimRequest.freshNonce(isolatesLostJobs: isolatesLostJobs))
        sequences[sequence].asked = request
        sequences[sequence].isInFlight = true
        sequences[sequence].isReplay = false
        isWoken = false
        return (request, sequence)
    }
}

// MARK: - What comes back

extension TurnMachine {
    /// Processes the reply to turn `number`.
    mutating func replied(_ number: Int, _ result: Result<TurnReply, QueueError>, at now: Instant) -> Outcome {
        guard let index = inFlight.firstIndex(where: { $0.turn.number == number }) else { return Outcome() }
        let inFlightTurn = inFlight.remove(at: index)
        if let sequence = inFlightTurn.sequence { sequences[sequence].isInFlight = false }
        switch result {
        case .success(let reply): return took(reply, of: inFlightTurn, now)
        case .failure(let error): return failed(error, inFlightTurn, now)
        }
    }

    private mutating func took(_ reply: TurnReply, of inFlightTurn: InFlightTurn, _ now: Instant) -> Outcome {
        failures = 0
        notBefore = nil
        var outcome = Outcome(
            verdicts: Array(zip(inFlightTurn.turn.settle, reply.settled.verdicts)), stops: reply.settled.stops)
        guard let sequence = inFlightTurn.sequence, let claimed = reply.claimed else { return outcome }
        outcome.lease = claimed.lease
        plan(after: claimed, to: sequence, now)
        sequences[sequence].asked = nil
        take(claimed.jobs, &outcome)
        return outcome
    }

    private mutating func failed(_ error: QueueError, _ inFlightTurn: InFlightTurn, _ now: Instant) -> Outcome {
        unsettled = inFlightTurn.turn.settle + unsettled
        if let sequence = inFlightTurn.sequence {
            sequences[sequence].isReplay = sequences[sequence].isReplay || error.kind == .unknown
            // A claim that was not executed, or that was refused, is not repeated.
            if !sequences[sequence].isReplay || error.isRefusal { sequences[sequence].asked = nil }
        }
        if inFlightTurn.round == round {
            failures += 1
            round += 1
            notBefore = now + pause(error)
        }
        return Outcome(error: error)
    }

    private mutating func take(_ jobs: [ClaimedJob], _ outcome: inout Outcome) {
        guard isStopping else {
            busy += jobs.count
            lastChances += jobs.count { $0.isInLastChance }
            outcome.started = jobs
            return
        }
        unsettled += jobs.map { FinishedAttempt($0, .released(after: nil)) }
    }

    /// Computes when to claim again.
    private mutating func plan(after reply: ClaimReply, to sequence: Int, _ now: Instant) {
        hasBacklog = reply.status == .ok && reply.jobs.count >= sequences[sequence].asked?.upTo ?? 0
        switch reply.status {
        case .stale:
            // Another caller executed a later number under this name; only a higher number is accepted.
            sequences[sequence].number += 1 << 20
            claimAt = now
        // A token that came after this claim was sent may announce a job that the claim did not see.
        case .ok where sequences[sequence].isReplay || hasBacklog || isWoken: claimAt = now
        case .ok: claimAt = now + idleTime(due: reply.nextDue)
        case .paused, .full: claimAt = now + idleTime(due: nil)
        }
    }

    private func idleTime(due: Duration?) -> Duration {
        let poll = pollInterval * 0.8 + pollInterval * 0.4 * chance()
        guard let due else { return poll }
        return min(poll, due + .milliseconds(5) * chance())
    }

    /// The delay before a repeat: none at first, then growing to 2 s.
    private func pause(_ error: QueueError) -> Duration {
        let step = error.isRefusal ? max(failures, 6) : failures
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
