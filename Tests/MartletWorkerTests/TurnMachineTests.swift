// The turn machine without a socket and without a clock.

import MartletJobs
import Testing

@testable import MartletQueue
@testable import MartletWorker

private let start = ContinuousClock.now

private func machine(slots: Int = 2, chance: Double = 0.5) -> MachineHarness {
    MachineHarness(
        machine: TurnMachine(worker: "w", slots: slots, pollInterval: .seconds(1), now: start, chance: { chance }))
}

private func claimed(_ number: Int) -> ClaimedJob {
    ClaimedJob(
        id: .generate(), token: "1:\(number)", claims: 1, type: "t", payload: [], priority: 0, failures: 0, lost: 0,
        maxRetries: 3, retryPolicy: .standard)
}

private func reply(
    _ count: Int = 0, _ status: ClaimReply.Status = .ok, due: Duration? = nil, stops: Int = 0
) -> Result<ClaimReply, QueueError> {
    .success(
        ClaimReply(
            status: status, jobs: (0..<count).map(claimed), lease: .seconds(30), nextDue: due, stops: stops))
}

private func ended(_ token: String = "1:a") -> FinishedAttempt {
    FinishedAttempt(
        settlement: Settlement(id: .generate(), token: token, outcome: .completed(output: nil)), type: "t", attempt: 1)
}

private func verdicts(_ count: Int) -> Result<SettleReply, QueueError> {
    .success(SettleReply(verdicts: Array(repeating: .settled(.completed), count: count), stops: 0))
}

private let unknown = QueueError(.unknown, message: "lost")
private let away = QueueError(.notExecuted(.unavailable), message: "away")
private let newer = QueueError(.refused(.newerSchema("9")), message: "newer")

/// What a turn brought, or why one of its halves and so the whole failed.
private func answer(
    _ claim: Result<ClaimReply, QueueError>?, _ settled: Result<SettleReply, QueueError>?
) -> Result<TurnReply, QueueError> {
    Result { () throws(QueueError) in
        let verdicts = try settled?.get() ?? SettleReply(verdicts: [], stops: 0)
        return TurnReply(settled: verdicts, claimed: try claim?.get())
    }
}

/// What a machine wants, in a form that can be compared.
private enum Want: Equatable {
    case turn(settles: Int, claims: Int?, number: Int?)
    case wait(Duration?, listens: Bool?)
    case finish
}

/// A machine and the turns that it has under way.
private struct MachineHarness: ~Copyable {
    var machine: TurnMachine
    private(set) var underWay: [Turn] = []
    /// How many ended attempts the machine last wanted to be woken by.
    private(set) var wakesAt: Int?

    init(machine: consuming TurnMachine) { self.machine = machine }

    mutating func ended(_ ended: FinishedAttempt) { machine.ended(ended) }
    mutating func woken(at now: ContinuousClock.Instant) { machine.woken(at: now) }
    mutating func stop() { machine.stop() }
    mutating func abandon() { machine.abandon() }

    mutating func want(after time: Duration = .zero) -> Want {
        switch machine.next(at: start + time) {
        case .turn(let turn):
            underWay.append(turn)
            return .turn(settles: turn.settle.count, claims: turn.claim?.upTo, number: turn.claim?.number)
        case .wait(let instant, let listens, let ended):
            wakesAt = ended
            return .wait(instant.map { $0 - start }, listens: listens)
        case .finish: return .finish
        }
    }

    /// The oldest turn under way is answered.
    @discardableResult
    mutating func got(
        _ claim: Result<ClaimReply, QueueError>?, settled: Result<SettleReply, QueueError>? = nil,
        after time: Duration = .zero
    ) -> TurnMachine.Outcome {
        machine.replied(underWay.removeFirst().number, answer(claim, settled), at: start + time)
    }
}

@Suite struct TurnMachineTests {
    @Test func `it claims for all free slots, then waits while they are full`() {
        var machine = machine(slots: 3)
        var want = machine.want()
        #expect(want == .turn(settles: 0, claims: 3, number: 1))
        let outcome = machine.got(reply(3))
        #expect(outcome.started.count == 3)
        #expect(outcome.lease == .seconds(30))
        want = machine.want()
        #expect(want == .wait(nil, listens: false), "no room: no timer and no token taken from others")
    }

    @Test func `jobs that end during a turn are settled in the next one, with a claim for the freed slots`() {
        var machine = machine(slots: 3)
        _ = machine.want()
        machine.got(reply(3))
        machine.ended(ended())
        var want = machine.want()
        #expect(want == .turn(settles: 1, claims: 1, number: 2))
        machine.ended(ended())
        machine.ended(ended())
        machine.got(reply(0), settled: verdicts(1))
        want = machine.want()
        #expect(want == .turn(settles: 2, claims: 3, number: 3))
        let outcome = machine.got(reply(0), settled: verdicts(2))
        #expect(outcome.verdicts.count == 2)
    }

    @Test func `after finding nothing it waits for the poll interval, or for the next due job if that is sooner`() {
        for (chance, poll, due) in [(0.0, 800, 100), (0.5, 1000, 102.5), (1.0, 1200, 105)] as [(Double, Int, Double)] {
            var machine = machine(chance: chance)
            _ = machine.want()
            machine.got(reply(0))
            var want = machine.want()
            #expect(want == .wait(.milliseconds(poll), listens: true))
            machine.woken(at: start)
            want = machine.want()
            #expect(want == .turn(settles: 0, claims: 2, number: 2))
            machine.got(reply(0, due: .milliseconds(100)))
            want = machine.want()
            #expect(want == .wait(.milliseconds(due), listens: true))
            machine.woken(at: start)
            _ = machine.want()
            machine.got(reply(0, .full, due: .milliseconds(1)))
            want = machine.want()
            #expect(want == .wait(.milliseconds(poll), listens: true), "a due time is no room")
        }
    }

    @Test func `a job that ends while it waits leads to a turn at once`() {
        var machine = machine()
        _ = machine.want()
        machine.got(reply(1))
        var want = machine.want()
        #expect(want == .wait(.seconds(1), listens: true))
        machine.ended(ended())
        want = machine.want()
        #expect(want == .turn(settles: 1, claims: 2, number: 2))
    }

    @Test func `a claim of unknown outcome is repeated as it was, until it is answered`() {
        var machine = machine(slots: 3)
        _ = machine.want()
        machine.got(.failure(unknown))
        machine.ended(ended())  // Whatever else happens, the claim stays the same.
        var want = machine.want()
        #expect(want == .turn(settles: 1, claims: 3, number: 1), "the first repeat comes at once")
        machine.got(.failure(away), settled: .failure(away))
        want = machine.want()
        #expect(want == .wait(.milliseconds(37.5), listens: false), "then after a pause")
        want = machine.want(after: .seconds(1))
        #expect(want == .turn(settles: 1, claims: 3, number: 1))
        let outcome = machine.got(reply(2), settled: verdicts(1), after: .seconds(1))
        #expect(outcome.started.count == 2)
        want = machine.want(after: .seconds(1))
        #expect(want == .turn(settles: 0, claims: 2, number: 2), "a replay brings nothing new: claim again at once")
    }

    @Test func `a claim that was not executed is forgotten, and the next one asks for what is free then`() {
        var machine = machine(slots: 3)
        _ = machine.want()
        machine.got(.failure(away))
        let want = machine.want()
        #expect(want == .turn(settles: 0, claims: 3, number: 2))
    }

    @Test func `a refused claim is repeated with a delay, and not unchanged forever`() {
        var machine = machine()
        _ = machine.want()
        machine.got(.failure(newer))
        var want = machine.want()
        #expect(want == .wait(.milliseconds(600), listens: false))
        want = machine.want(after: .seconds(1))
        #expect(want == .turn(settles: 0, claims: 2, number: 2))
    }

    @Test func `a stale number is raised far beyond what was executed`() {
        var machine = machine()
        _ = machine.want()
        machine.got(reply(0, .stale))
        let want = machine.want()
        #expect(want == .turn(settles: 0, claims: 2, number: 1 + (1 << 20) + 1))
    }

    @Test(arguments: [unknown, away])
    func `settlements are kept until they are answered`(error: QueueError) {
        var machine = machine()
        _ = machine.want()
        machine.got(reply(2))
        machine.ended(ended("1:a"))
        _ = machine.want()
        machine.ended(ended("1:b"))
        machine.got(reply(0), settled: .failure(error))
        let want = machine.want()
        let isReplay = error.kind == .unknown
        #expect(want == .turn(settles: 2, claims: isReplay ? 1 : 2, number: isReplay ? 2 : 3))
        let outcome = machine.got(reply(0), settled: verdicts(2))
        #expect(outcome.verdicts.map(\.0.settlement.token) == ["1:a", "1:b"])
    }

    @Test func `pauses between failed turns grow to two seconds`() {
        var machine = machine(chance: 1)
        var pauses: [Duration?] = []
        for _ in 0..<10 {
            _ = machine.want(after: .seconds(100))
            machine.got(.failure(away), after: .zero)
            if case .wait(let pause, _) = machine.want() { pauses.append(pause) } else { pauses.append(.zero) }
        }
        #expect(pauses == [0, 50, 100, 200, 400, 800, 1600, 2000, 2000, 2000].map { .milliseconds($0) })
    }

    @Test func `a batch has at most 500 settlements, and too many unsettled jobs stop claims`() {
        var machine = machine(slots: 2000)
        for _ in 0..<16 {
            _ = machine.want()
            machine.got(reply(128))
        }
        for _ in 0..<1100 { machine.ended(ended()) }
        var want = machine.want()
        #expect(want == .turn(settles: 500, claims: nil, number: nil))
        machine.got(nil, settled: verdicts(500))
        want = machine.want()
        #expect(want == .turn(settles: 500, claims: 128, number: 17))
    }

    @Test func `a stop finishes running jobs and pending settlements, and releases jobs of a late reply`() {
        var machine = machine()
        _ = machine.want()
        machine.got(reply(1))
        machine.woken(at: start)
        var want = machine.want()
        #expect(want == .turn(settles: 0, claims: 1, number: 2))
        machine.stop()
        let outcome = machine.got(reply(1))
        #expect(outcome.started.isEmpty)
        want = machine.want()
        #expect(want == .turn(settles: 1, claims: nil, number: nil), "the unstarted job goes back")
        machine.got(nil, settled: verdicts(1))
        want = machine.want()
        #expect(want == .wait(nil, listens: false))
        machine.ended(ended())
        want = machine.want()
        #expect(want == .turn(settles: 1, claims: nil, number: nil))
        machine.got(nil, settled: verdicts(1))
        want = machine.want()
        #expect(want == .finish)
    }

    @Test func `a claim of unknown outcome is resolved before the end, and an abandoned machine ends at once`() {
        var machine = machine()
        _ = machine.want()
        machine.got(.failure(unknown))
        machine.stop()
        var want = machine.want()
        #expect(want == .turn(settles: 0, claims: 2, number: 1))
        machine.got(.failure(unknown))
        machine.abandon()
        want = machine.want()
        #expect(want == .finish)
    }

    @Test func `without a backlog one turn is in flight at a time`() {
        var machine = machine(slots: 8)
        _ = machine.want()
        machine.got(reply(7))
        machine.ended(ended())
        var want = machine.want()
        #expect(want == .turn(settles: 1, claims: 2, number: 2))
        for _ in 0..<6 { machine.ended(ended()) }
        want = machine.want()
        #expect(want == .wait(nil, listens: nil), "a listener is left as it is")
        #expect(machine.wakesAt == nil, "only the reply counts")
    }

    @Test func `with a backlog a second turn starts once half of the slots are free, under its own claim name`() {
        var machine = machine(slots: 8)
        _ = machine.want()
        machine.got(reply(8))
        machine.ended(ended())
        var want = machine.want()
        #expect(want == .turn(settles: 1, claims: 1, number: 2))
        want = machine.want()
        #expect(want == .wait(nil, listens: nil))
        #expect(machine.wakesAt == 4)
        for _ in 0..<3 { machine.ended(ended()) }
        _ = machine.want()
        #expect(machine.wakesAt == 1)
        machine.ended(ended())
        want = machine.want()
        #expect(want == .turn(settles: 4, claims: 4, number: 1))
        #expect(machine.underWay.map { $0.claim?.worker } == ["w", "w#2"])
        for _ in 0..<3 { machine.ended(ended()) }
        want = machine.want()
        #expect(want == .wait(nil, listens: nil), "two are enough")
        #expect(machine.wakesAt == nil)
        machine.got(reply(1), settled: verdicts(1))
        want = machine.want()
        #expect(want == .wait(nil, listens: nil), "three are not half")
        machine.ended(ended())
        want = machine.want()
        #expect(want == .turn(settles: 4, claims: 4, number: 3))
        machine.got(reply(1), settled: verdicts(4))
        want = machine.want()
        #expect(want == .wait(nil, listens: nil), "the backlog is gone")
    }

    @Test func `claims never exceed the free slots, and each of two turns claims half`() {
        var machine = machine(slots: 8)
        _ = machine.want()
        machine.got(reply(8))
        for _ in 0..<8 { machine.ended(ended()) }
        var want = machine.want()
        #expect(want == .turn(settles: 8, claims: 4, number: 2))
        want = machine.want()
        #expect(want == .turn(settles: 0, claims: 4, number: 1))
        machine.got(reply(4), settled: verdicts(8))
        want = machine.want()
        #expect(want == .wait(nil, listens: nil))
        machine.got(reply(4))
        want = machine.want()
        #expect(want == .wait(nil, listens: false), "no room")
    }

    @Test func `two lost replies are one failure, and both claims are repeated as they were, one after the other`() {
        var machine = machine(slots: 8)
        _ = machine.want()
        machine.got(reply(8))
        for _ in 0..<8 { machine.ended(ended()) }
        _ = machine.want()
        _ = machine.want()
        let asked = machine.underWay.map(\.claim)
        machine.got(.failure(unknown), settled: .failure(unknown))
        var want = machine.want()
        #expect(want == .wait(nil, listens: nil), "while anything fails there is one turn at a time")
        machine.got(.failure(unknown))
        want = machine.want()
        #expect(want == .turn(settles: 8, claims: 4, number: 2), "the first repeat comes at once")
        want = machine.want()
        #expect(want == .wait(nil, listens: nil))
        #expect(machine.underWay.map(\.claim) == [asked[0]])
        #expect(machine.got(reply(4), settled: verdicts(8)).started.count == 4)
        want = machine.want()
        #expect(want == .turn(settles: 0, claims: 4, number: 1))
        #expect(machine.underWay.map(\.claim) == [asked[1]])
        #expect(machine.got(reply(3)).started.count == 3)
        want = machine.want()
        #expect(want == .turn(settles: 0, claims: 1, number: 3), "one slot is left")
    }

    @Test func `a wake token that arrives during a claim leads to another claim`() {
        var machine = machine()
        _ = machine.want()
        machine.woken(at: start)
        machine.got(reply(0))
        var want = machine.want()
        #expect(want == .turn(settles: 0, claims: 2, number: 2), "the claim may have missed what the token stands for")
        machine.got(reply(0))
        want = machine.want()
        #expect(want == .wait(.seconds(1), listens: true))
    }

    @Test func `jobs in their last chance are claimed one at a time, unless they are isolated`() {
        var machine = machine(slots: 3)
        _ = machine.want()
        #expect(machine.underWay[0].claim?.lastChances == 1)
        var job = claimed(1)
        job.lost = 2
        machine.got(.success(ClaimReply(status: .ok, jobs: [job], lease: .seconds(30), nextDue: nil, stops: 0)))
        machine.woken(at: start)
        _ = machine.want()
        #expect(machine.underWay[0].claim?.lastChances == 0)
        machine.got(reply(0))
        var end = ended()
        end.wasLastChance = true
        machine.ended(end)
        _ = machine.want()
        #expect(machine.underWay[0].claim?.lastChances == 1)
        var apart = MachineHarness(
            machine: TurnMachine(
                worker: "w", slots: 3, pollInterval: .seconds(1), isolatesLostJobs: true, now: start))
        _ = apart.want()
        #expect(apart.underWay[0].claim?.lastChances == 3)
        #expect(apart.underWay[0].claim?.nonce.hasPrefix("i") == true)
    }
}
