// A worker's turns as a pure machine: what has ended and what is free goes in, what to send or to wait for comes out.

import MartletJobs
import MartletQueue

/// The end of an attempt on its way to the queue.
struct Ended: Sendable {
    var settlement: Settlement
    /// The job's wire name, for log lines.
    var type: String
    /// Which attempt it was, from 1, for log lines.
    var attempt: Int
    /// Where it is counted.
    var meters: JobMeters?
    /// Whether the loss of the lease was seen, and counted, before.
    var knowsLoss = false
    /// Whether the job ran here in its last chance.
    var wasLastChance = false
    /// How long its handler took; `nil` when it did not run.
    var took: Duration?
}

extension Ended {
    /// The end of an attempt of `job` with this outcome.
    init(_ job: ClaimedJob, _ outcome: Settlement.Outcome, progress: JobProgress? = nil) {
        settlement = Settlement(id: job.id, token: job.token, outcome: outcome, progress: progress)
        type = job.type
        attempt = job.failures + 1
        wasLastChance = job.isInLastChance
    }
}

/// What to send in one call.
struct Turn: Sendable {
    /// Tells the reply's turn from others that are under way.
    let number: Int
    let settle: [Ended]
    /// Sees the room that the settlements make.
    let claim: ClaimRequest?
}

/// Decides what one queue's loop does next.
///
/// While a turn is under way ended jobs and free slots gather, and the next turn takes them all: an idle worker settles
/// at once and a busy one batches by itself. When more jobs wait than there are slots, two turns are under way, so that
/// Redis works on one while handlers work on what the other brought.
///
/// Each of the two claims in a line of its own, with numbers of its own: Redis remembers the last call of each line, and
/// so a lost reply can be asked for again however many turns were under way.
///
/// Where handlers are short, more is claimed than there are slots; see ``HandlerPace``.
struct TurnMachine: ~Copyable {
    typealias Instant = ContinuousClock.Instant

    /// What the loop has to do.
    enum Action {
        case turn(Turn)
        /// Sleep until then or until something happens; `ended` attempts that gather count as something.
        ///
        /// Listen for wake tokens where there is room for jobs; `nil` leaves that as it is.
        case wait(until: Instant?, listens: Bool?, ended: Int?)
        /// All is done.
        case finish
    }

    /// What came of a turn.
    struct Outcome {
        /// Jobs to start, in this order, as slots are free.
        var started: [ClaimedJob] = []
        /// What the queue said to each settlement.
        var verdicts: [(Ended, SettleVerdict)] = []
        /// How long the started jobs are held, from before the turn was sent.
        var lease: Duration?
        /// The highest count of wanted stops.
        var stops = 0
        /// Why the turn failed.
        var error: QueueError?
    }

    /// A sequence of claims, one at a time.
    private struct Line {
        let worker: String
        var number = 0
        /// The claim that is under way, or whose outcome is unknown and which must be repeated as it was.
        var asked: ClaimRequest?
        var isUnderWay = false
        var isReplay = false
    }

    private struct Flight {
        let turn: Turn
        let line: Int?
        let round: Int
    }

    /// The most settlements that wait before nothing more is claimed.
    static let debtLimit = 2 * Queue.batchLimit
    /// How many turns may be under way.
    static let width = 2
    /// Ends the name under which the second line claims.
    static let secondLine = "#2"

    private let slots: Int
    private let pollInterval: Duration
    private let claimAhead: Duration
    private let isolatesLostJobs: Bool
    /// From 0 to 1.
    private let chance: @Sendable () -> Double

    /// Jobs that were claimed and have not ended.
    private var busy = 0
    private var pace = HandlerPace()
    /// Running jobs in their last chance.
    private var lastChances = 0
    private var owed: [Ended] = []
    private var lines: [Line]
    private var flights: [Flight] = []
    private var turns = 0
    private var claimAt: Instant
    /// Whether a wake token came after the last claim was sent.
    private var isWoken = false
    /// Whether the last claim brought all that it asked for.
    private var hasBacklog = false
    private var notBefore: Instant?
    private var failures = 0
    /// Rises with each failure, so that turns which failed together count as one.
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
        lines = [Line(worker: worker), Line(worker: worker + Self.secondLine)]
        claimAt = now
    }

    /// How many jobs may be here at once: as many as there are slots, and those that will soon have one.
    private var capacity: Int { slots + pace.ahead(slots: slots, within: claimAhead) }

    /// How many more jobs may be here than are here or asked for.
    private var room: Int { isStopping ? 0 : capacity - busy - lines.reduce(0) { $0 + ($1.asked?.upTo ?? 0) } }

    /// How many jobs in their last chance a claim may bring: one at a time, unless they run in processes of their own.
    private var chances: Int {
        if isolatesLostJobs { return slots }
        return lastChances == 0 && lines.allSatisfy { $0.asked?.lastChances ?? 0 == 0 } ? 1 : 0
    }

    /// How many turns may be under way now.
    private var limit: Int { hasBacklog && failures == 0 && !isStopping ? Self.width : 1 }

    /// How much room makes another turn worth its cost while one is under way; the other one has the rest.
    private var half: Int { (capacity + 1) / 2 }
}

// MARK: - What happens

extension TurnMachine {
    /// A handler has returned, or a job is given back: its slot is free, its settlement owed.
    mutating func ended(_ ended: Ended) {
        busy -= 1
        if let took = ended.took { pace.note(took) }
        if ended.wasLastChance { lastChances -= 1 }
        owed.append(ended)
    }

    /// There may be jobs.
    mutating func woken(at now: Instant) {
        isWoken = true
        claimAt = min(claimAt, now)
    }

    /// Jobs that were claimed ahead had to wait too long.
    mutating func stalled() { pace.stalled() }

    /// Nothing new is started from now on.
    mutating func stop() { isStopping = true }

    /// What still runs or is owed is left to the leases.
    mutating func abandon() { isAbandoned = true }

    /// What to do now.
    mutating func next(at now: Instant) -> Action {
        if isAbandoned || isDone { return .finish }
        guard flights.isEmpty else { return nextBeside(at: now) }
        if let notBefore, now < notBefore { return .wait(until: notBefore, listens: false, ended: nil) }
        let claim = nextClaim(at: now)
        guard !owed.isEmpty || claim != nil else {
            return .wait(until: room > 0 ? claimAt : nil, listens: room > 0, ended: 1)
        }
        return .turn(turn(claim))
    }

    private var isDone: Bool {
        isStopping && busy == 0 && owed.isEmpty && flights.isEmpty && lines.allSatisfy { $0.asked == nil }
    }

    /// What to do while a turn is under way.
    private mutating func nextBeside(at now: Instant) -> Action {
        guard flights.count < limit else { return .wait(until: nil, listens: nil, ended: nil) }
        let missing = half - room
        guard missing <= 0, let claim = nextClaim(at: now) else {
            return .wait(until: nil, listens: nil, ended: max(missing, 1))
        }
        return .turn(turn(claim))
    }

    private mutating func turn(_ claim: (request: ClaimRequest, line: Int)?) -> Turn {
        turns += 1
        let turn = Turn(number: turns, settle: Array(owed.prefix(Queue.batchLimit)), claim: claim?.request)
        owed.removeFirst(turn.settle.count)
        flights.append(Flight(turn: turn, line: claim?.line, round: round))
        return turn
    }

    /// A claim whose outcome is unknown comes first, even during shutdown: it may have brought jobs.
    private mutating func nextClaim(at now: Instant) -> (request: ClaimRequest, line: Int)? {
        if let line = lines.firstIndex(where: { $0.asked != nil && !$0.isUnderWay }), let asked = lines[line].asked {
            lines[line].isUnderWay = true
            return (asked, line)
        }
        guard room > 0, owed.count < Self.debtLimit, !owed.isEmpty || claimAt <= now,
            let line = lines.firstIndex(where: { $0.asked == nil })
        else { return nil }
        // Where more waits than there is room for, half of the room leaves the other half to the turn beside.
        let most = limit > 1 ? half : capacity
        lines[line].number += 1
        let request = ClaimRequest(
            worker: lines[line].worker, number: lines[line].number, upTo: min(room, most), lastChances: chances,
            nonce: ClaimRequest.freshNonce(isolatesLostJobs: isolatesLostJobs))
        lines[line].asked = request
        lines[line].isUnderWay = true
        lines[line].isReplay = false
        isWoken = false
        return (request, line)
    }
}

// MARK: - What comes back

extension TurnMachine {
    /// Takes in the reply to turn `number`.
    mutating func replied(_ number: Int, _ result: Result<TurnReply, QueueError>, at now: Instant) -> Outcome {
        guard let index = flights.firstIndex(where: { $0.turn.number == number }) else { return Outcome() }
        let flight = flights.remove(at: index)
        if let line = flight.line { lines[line].isUnderWay = false }
        switch result {
        case .success(let reply): return took(reply, of: flight, now)
        case .failure(let error): return failed(error, flight, now)
        }
    }

    private mutating func took(_ reply: TurnReply, of flight: Flight, _ now: Instant) -> Outcome {
        failures = 0
        notBefore = nil
        var outcome = Outcome(
            verdicts: Array(zip(flight.turn.settle, reply.settled.verdicts)), stops: reply.settled.stops)
        guard let line = flight.line, let claimed = reply.claimed else { return outcome }
        outcome.lease = claimed.lease
        plan(after: claimed, to: line, now)
        lines[line].asked = nil
        take(claimed.jobs, &outcome)
        return outcome
    }

    private mutating func failed(_ error: QueueError, _ flight: Flight, _ now: Instant) -> Outcome {
        owed = flight.turn.settle + owed
        if let line = flight.line {
            lines[line].isReplay = lines[line].isReplay || error.kind == .unknown
            // Known not to have happened, or answered in a way that no repeat can mend: the next one is a new one.
            if !lines[line].isReplay || error.isRefusal { lines[line].asked = nil }
        }
        if flight.round == round {
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
        owed += jobs.map { Ended($0, .released(after: nil)) }
    }

    /// When to claim again.
    private mutating func plan(after reply: ClaimReply, to line: Int, _ now: Instant) {
        hasBacklog = reply.status == .ok && reply.jobs.count >= lines[line].asked?.upTo ?? 0
        switch reply.status {
        case .stale:
            // Somebody executed a later number in our name; only a higher one is heard.
            lines[line].number += 1 << 20
            claimAt = now
        // A token that came after this claim had been sent may stand for a job that it did not see.
        case .ok where lines[line].isReplay || hasBacklog || isWoken: claimAt = now
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
