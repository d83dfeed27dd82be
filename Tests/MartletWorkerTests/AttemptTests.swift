// Attempts that must not begin, and jobs whose type nobody here knows.

import MartletJobs
import TestSupport
import Testing

@testable import MartletQueue
@testable import MartletWorker

@Suite struct AttemptTests {
    private let thread = WorkerThread()

    private func claimed(claims: Int = 1, unknownFor: Duration? = nil) -> ClaimedJob {
        ClaimedJob(
            id: .generate(), token: "\(claims):n", claims: claims, type: "t", payload: [], priority: 0, failures: 0,
            lost: 0, maxRetries: 3, retryPolicy: .standard, unknownFor: unknownFor)
    }

    /// Runs an attempt of a job whose lease has so much left, after `before`; says how it ended and whether it began.
    private func attempt(
        heldFor left: Duration, before: (RunningJob) -> Void = { _ in }
    ) async throws -> (outcome: Settlement.Outcome, began: Bool) {
        let runLog = RunLog()
        let job = claimed()
        let running = JobTable(on: thread).add(job, heldUntil: .now + left, heartbeats: WakeTimer(on: thread))
        before(running)
        let attempt = Attempt(
            job: job, entry: HandlerEntry(OnRaw("t") { _, _ in runLog.add("began") }), isIsolated: false,
            grace: .seconds(1), running: running, queue: try #require(QueueName("q")), worker: "w", middleware: [],
            logger: silence, metrics: nil)
        let ended = await attempt.run()
        #expect(ended.settlement.token == job.token)
        return (ended.settlement.outcome, runLog.count > 0)
    }

    @Test func `a handler is not started when the lease has expired since the claim, and the job is released`()
        async throws
    {
        let late = try await attempt(heldFor: .milliseconds(-1))
        #expect(late.outcome == .released(after: nil) && !late.began)
        let inTime = try await attempt(heldFor: .seconds(60))
        #expect(inTime.outcome == .completed(output: nil) && inTime.began)
    }

    @Test(arguments: [StopReason.pause, .cancel, .shutdown, .leaseLost])
    func `a handler is not started when a stop was requested before`(_ reason: StopReason) async throws {
        let stopped = try await attempt(heldFor: .seconds(60)) { $0.stop(reason) }
        #expect(stopped.outcome == .released(after: nil) && !stopped.began)
    }

    @Test func `a job of an unknown type waits longer each time, forever without a limit`() {
        let rule = UnknownTypeRule(delay: WorkerConfiguration().unknownTypeDelay)
        for (claims, wait) in [(1, 5), (2, 10), (3, 20), (7, 300), (100, 300)] {
            let outcome = rule.outcome(of: claimed(claims: claims, unknownFor: .seconds(1 << 40)), chance: 0.5)
            guard case .unknownType(let given, let error) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect(given == .seconds(wait))
            #expect(error == "waits for a worker that knows jobs of type t")
        }
    }

    @Test func `with a limit it fails when the limit is reached, not before, with the reason`() {
        var configuration = WorkerConfiguration()
        configuration.unknownTypeLimit = .seconds(3600)
        let rule = UnknownTypeRule(delay: configuration.unknownTypeDelay, limit: configuration.unknownTypeLimit)
        func outcome(_ unknownFor: Duration?) -> Settlement.Outcome {
            rule.outcome(of: claimed(claims: 9, unknownFor: unknownFor), chance: 0.5)
        }
        let waits = "waits for a worker that knows jobs of type t"
        #expect(outcome(nil) == .unknownType(retryAfter: .seconds(300), error: waits))
        #expect(outcome(.seconds(3540)) == .unknownType(retryAfter: .seconds(60), error: waits))
        let over = "unsupported: for 3600 s no worker knew jobs of type t"
        #expect(outcome(.seconds(3600)) == .failedForGood(error: over))
    }

    @Test func `the log names an unknown type once`() {
        let types = UnknownTypes()
        #expect(types.isNew("a") && types.isNew("b"))
        #expect(!types.isNew("a"))
        for number in 0..<2000 { _ = types.isNew("x\(number)") }
        #expect(!types.isNew("another"), "nor more types than anybody would read")
    }
}
