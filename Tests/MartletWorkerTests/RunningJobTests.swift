// Single parts of the runtime: the rule of outcomes, the state of a running job, pulses, wake-ups.

import FoundationEssentials
import MartletJobs
import Synchronization
import TestSupport
import Testing

@testable import MartletQueue
@testable import MartletWorker

private func claimed(timeout: Duration? = nil, failures: Int = 0) -> ClaimedJob {
    ClaimedJob(
        id: .generate(), token: "1:n", claims: 1, type: "t", payload: [], priority: 0, failures: failures, lost: 0,
        maxRetries: 3, retryPolicy: .standard, timeout: timeout)
}

private struct Boom: Error, CustomStringConvertible { var description: String { "boom" } }

@Suite struct OutcomeRuleTests {
    private func outcome(
        _ result: Result<[UInt8]?, any Error>, stop: StopReason? = nil, hasTimedOut: Bool = false, failures: Int = 0
    ) -> Settlement.Outcome {
        OutcomeRule(
            job: claimed(timeout: .seconds(2), failures: failures), stop: stop,
            hasTimedOut: hasTimedOut || stop == .timeout
        ).outcome(of: result)
    }

    @Test func `returning completes, also when a stop was wanted`() {
        for stop in [nil, .pause, .cancel, .shutdown] as [StopReason?] {
            #expect(outcome(.success([1]), stop: stop) == .completed(output: [1]))
        }
    }

    @Test func `after the loss of the lease results are sent, as the token may be valid, and errors release the job`() {
        #expect(outcome(.success([1]), stop: .leaseLost) == .completed(output: [1]))
        #expect(outcome(.failure(Boom()), stop: .leaseLost) == .released(after: nil))
        #expect(outcome(.failure(JobOutcome.discard(reason: "x")), stop: .leaseLost) == .failedForGood(error: "x"))
        let late = outcome(.success([1]), stop: .leaseLost, hasTimedOut: true)
        #expect(late == .failed(retryAfter: .seconds(1), error: "timed out after 2.0 seconds"))
    }

    @Test func `errors after a stop cost no retry, and explicit outcomes are kept`() {
        for stop in [.pause, .cancel, .shutdown] as [StopReason] {
            #expect(outcome(.failure(CancellationError()), stop: stop) == .released(after: nil))
            #expect(outcome(.failure(Boom()), stop: stop) == .released(after: nil))
            #expect(outcome(.failure(JobOutcome.discard(reason: "x")), stop: stop) == .failedForGood(error: "x"))
        }
    }

    @Test func `a timeout is a failure however the handler ended`() {
        let timedOut = Settlement.Outcome.failed(retryAfter: .seconds(1), error: "timed out after 2.0 seconds")
        #expect(outcome(.success(nil), stop: .timeout) == timedOut)
        #expect(outcome(.failure(Boom()), stop: .timeout) == timedOut)
    }

    private struct Advice: RetryAdvising, CustomStringConvertible {
        var retryAdvice: RetryAdvice
        var description: String { "advice" }
    }

    @Test(arguments: [
        (RetryAdvice.after(.zero), Settlement.Outcome.failed(retryAfter: .seconds(4), error: "advice")),
        (.after(.seconds(-9)), .failed(retryAfter: .seconds(4), error: "advice")),
        (.after(.seconds(3)), .failed(retryAfter: .seconds(4), error: "advice")),
        (.after(.seconds(5)), .failed(retryAfter: .seconds(5), error: "advice")),
        (.after(.seconds(1 << 50)), .failed(retryAfter: .seconds(365 * 86_400), error: "advice")),
        (.byPolicy, .failed(retryAfter: .seconds(4), error: "advice")),
        (.uncharged, .postponed(retryAfter: .seconds(4), error: "advice")),
        (.release(after: .seconds(30)), .postponed(retryAfter: .seconds(30), error: "advice")),
        (.never, .failedForGood(error: "advice")),
    ])
    func `advice lengthens the policy's wait and never shortens it`(advice: RetryAdvice, wanted: Settlement.Outcome) {
        #expect(outcome(.failure(Advice(retryAdvice: advice)), failures: 2) == wanted)
    }

    @Test func `delays follow the policy and the count of failures, and are at most a year`() {
        for (failures, wait) in [(0, 1), (1, 2), (2, 4)] {
            #expect(
                outcome(.failure(Boom()), failures: failures) == .failed(retryAfter: .seconds(wait), error: "boom"))
        }
        let year = Duration.seconds(365 * 86_400)
        #expect(outcome(.failure(JobOutcome.snooze(.seconds(1 << 50)))) == .snoozed(year))
        #expect(outcome(.failure(JobOutcome.release(after: .seconds(-5)))) == .released(after: .zero))
        let throttled = JobOutcome.throttled(key: "h:a", after: .seconds(1 << 50), reason: "429")
        #expect(outcome(.failure(throttled)) == .throttled(key: "h:a", after: year, reason: "429"))
        let past = JobOutcome.throttled(key: "h:a", until: .distantPast, reason: "429")
        #expect(outcome(.failure(past)) == .throttled(key: "h:a", after: .zero, reason: "429"))
    }
}

@Suite struct RunningJobTests {
    private let thread = WorkerThread()

    private func running(
        heldFor: Duration = .seconds(60), timeout: Duration? = nil
    ) -> (table: JobTable, job: RunningJob) {
        let table = JobTable(on: thread)
        let job = table.add(claimed(timeout: timeout), heldUntil: .now + heldFor, heartbeats: WakeTimer(on: thread))
        return (table, job)
    }

    @Test func `a stop reason is replaced only by a stronger one: pause, cancel, lost lease`() {
        let job = running().job
        #expect(job.stopReason == nil)
        #expect(job.stop(.pause))
        #expect(!job.stop(.timeout))
        #expect(!job.stop(.pause))
        #expect(job.stop(.cancel))
        #expect(job.stopReason == .cancel)
        #expect(job.stop(.leaseLost))
        #expect(!job.stop(.cancel))
        #expect(job.stopReason == .leaseLost)
        #expect(job.end().knowsLoss)
        #expect(!job.stop(.cancel), "it has ended")
    }

    @Test func `an expired lease is seen by the handler without a message`() {
        let job = running(heldFor: .zero).job
        #expect(job.stopReason == .leaseLost)
        let rest = job.end()
        #expect(rest.stop == .leaseLost)
        #expect(!rest.knowsLoss && !rest.hasTimedOut)
    }

    @Test func `a timeout is remembered after the loss of the lease`() {
        let job = running().job
        job.stop(.timeout)
        job.stop(.leaseLost)
        let rest = job.end()
        #expect(rest.stop == .leaseLost && rest.hasTimedOut)
    }

    @Test func `a job added while the guard waits is checked in time`() {
        let now = ContinuousClock.now
        var nextCheck = NextCheckTime()
        let (far, near) = (now + .seconds(30), now + .seconds(2))
        func add(_ instant: ContinuousClock.Instant) -> Bool { nextCheck.add(instant) }
        func end(_ instant: ContinuousClock.Instant?) -> ContinuousClock.Instant? { nextCheck.end(instant) }
        #expect(add(far))
        #expect(!add(far + .seconds(1)), "the guard nextCheck before that")
        nextCheck.begin()
        #expect(add(near), "not part of the look that has begun")
        #expect(end(far) == near)
        #expect(!add(near + .seconds(1)))
        nextCheck.begin()
        #expect(end(nil) == nil)
        #expect(add(far), "nothing was to be looked at")
    }

    @Test func `a task that is attached after the stop is cancelled`() async {
        let job = running().job
        job.stop(.shutdown)
        let task = Task<Void, Never> { _ = try? await Task.sleep(for: .seconds(60)) }
        job.attach(task)
        await task.value
        #expect(task.isCancelled)
    }

    @Test func `heartbeats send each event once, and again after a failure`() throws {
        let job = running().job
        #expect(job.heartbeat(onlyUrgent: true) == nil)
        job.report(JobProgress(completed: 1))
        let first = try #require(job.heartbeat(onlyUrgent: false))
        #expect(first.heartbeat.progress == JobProgress(completed: 1))
        let again = try #require(job.heartbeat(onlyUrgent: false))
        #expect(again.heartbeat.progress == JobProgress(completed: 1), "the first was not answered")
        job.report(JobProgress(completed: 2))
        job.held(.seconds(1), from: .now, by: again)
        #expect(job.end().progress == JobProgress(completed: 2), "what came after the heartbeat is still to be told")
        #expect(job.heartbeat(onlyUrgent: false) == nil)
    }

    @Test(arguments: [Double.infinity, -.infinity, .nan, -1, 1e300])
    func `a rate that is not a finite number is omitted`(rate: Double) {
        let job = running().job
        job.report(JobProgress(completed: 7, rate: rate))
        #expect(job.end().progress == JobProgress(completed: 7))
    }

    @Test func `saves wait for the heartbeat that carries them, the last of several is kept`() async throws {
        let job = running().job
        async let saves: Void = withThrowingTaskGroup(of: Void.self) { group in
            for value in 1...3 as ClosedRange<UInt8> { group.addTask { try await job.save(checkpoint: [value]) } }
            try await group.waitForAll()
        }
        var heartbeat: SentHeartbeat?
        try await eventually("all three wait") {
            heartbeat = job.heartbeat(onlyUrgent: true)
            return heartbeat?.checkpointNumber == 3
        }
        job.held(.seconds(60), from: .now, by: try #require(heartbeat))
        try await saves
        #expect(job.heartbeat(onlyUrgent: true) == nil)
    }

    @Test func `saves fail when the lease is lost, and when the attempt has ended`() async throws {
        let (lost, over) = (running().job, running().job)
        let waiting = Task { try await lost.save(checkpoint: [1]) }
        try await eventually("it waits") { lost.heartbeat(onlyUrgent: true) != nil }
        lost.stop(.leaseLost)
        await #expect(throws: CheckpointError.leaseLost) { try await waiting.value }
        await #expect(throws: CheckpointError.leaseLost) { try await lost.save(checkpoint: [1]) }
        let late = Task { try await over.save(checkpoint: [1]) }
        try await eventually("it waits") { over.heartbeat(onlyUrgent: true) != nil }
        _ = over.end()
        await #expect(throws: CheckpointError.attemptEnded) { try await late.value }
        await #expect(throws: CheckpointError.attemptEnded) { try await over.save(checkpoint: [1]) }
        let limit = RunningJob.checkpointLimit
        await #expect(throws: CheckpointError.tooLarge(bytes: limit + 1, limit: limit)) {
            try await running().job.save(checkpoint: Array(repeating: 0, count: limit + 1))
        }
        for error: CheckpointError in [.leaseLost, .attemptEnded, .tooLarge(bytes: 2, limit: 1)] {
            #expect(!error.description.isEmpty)
        }
    }

    @Test func `the guard finds timeouts, lost leases and leaks, and computes its next check`() throws {
        let now = ContinuousClock.now
        let (table, job) = running(heldFor: .seconds(60), timeout: .seconds(10))
        let first = table.look(at: now, leakDelay: .seconds(5))
        #expect(first.next == job.deadline)
        let late = try #require(job.deadline)
        _ = table.look(at: late, leakDelay: .seconds(5))
        #expect(job.stopReason == .timeout)
        // Counted from the deadline, since the lease may begin long after `now`.
        let over = late + .seconds(60)
        #expect(table.look(at: over, leakDelay: .seconds(5)).lost.map(\.key) == [job.key])
        let waiting = table.look(at: over, leakDelay: .seconds(5))
        #expect(waiting.lost.isEmpty && waiting.leaked == 0)
        #expect(waiting.next == over + .seconds(5))
        let leaked = table.look(at: over + .seconds(5), leakDelay: .seconds(5))
        #expect(leaked.leaked == 1 && leaked.next == nil)
        #expect(table.leaked == 1)
        _ = job.end()
        table.remove(job)
        #expect(table.look(at: over, leakDelay: .seconds(5)).leaked == 0)
    }

    @Test func `jobs added after a stop of all are stopped too`() {
        let (table, job) = running()
        table.stopAll(.shutdown)
        let late = table.add(claimed(), heldUntil: .now + .seconds(60), heartbeats: WakeTimer(on: thread))
        #expect(job.stopReason == .shutdown)
        #expect(late.stopReason == .shutdown)
    }

    @Test func `a timer that fired before the wait is not lost, and a time in the past does not wait`() async {
        let wakeTimer = WakeTimer(on: thread)
        wakeTimer.fire()
        await wakeTimer.wait(until: nil)
        await wakeTimer.wait(until: .now - .seconds(1))
        let begin = ContinuousClock.now
        while ContinuousClock.now < begin + .milliseconds(30) { await wakeTimer.wait(until: begin + .milliseconds(30)) }
        #expect(ContinuousClock.now >= begin + .milliseconds(30))
    }

    @Test func `handlers can be built with conditions and loops`() throws {
        func handlers(_ flag: Bool) -> Handlers {
            Handlers {
                if flag { On(Note.self) { _, _ in } }
                if flag { On(Square.self) { job, _ in job.side } } else { On(Other.self) { _, _ in } }
                for _ in 0..<1 { On(Third.self) { _, _ in } }
            }
        }
        #expect(try HandlerTable(handlers(true)).types.sorted() == ["note", "square", "third"])
        #expect(try HandlerTable(handlers(false)).types.sorted() == ["other", "third"])
        #expect(throws: WorkerError.duplicateHandlers(type: "note", "NoteA", "NoteB")) {
            try HandlerTable(
                Handlers(entries: [
                    HandlerEntry(On(Note.self) { _, _ in }, named: "NoteA"),
                    HandlerEntry(On(Note.self) { _, _ in }, named: "NoteB"),
                ]))
        }
    }

    private struct Other: Job {
        static let name = "other"
    }

    private struct Third: Job {
        static let name = "third"
    }
}
