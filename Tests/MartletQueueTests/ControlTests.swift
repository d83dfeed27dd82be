// What operators ask: pause, resume, cancel, retry, run, delete, patch, of one job and of many.

import MartletJobs
import MartletQueue
import TestSupport
import Testing

@Suite struct ControlTests {
    @Test func `queued and waiting jobs pause and resume at their old place`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<3).map { _ in job() } + [job(delay: .seconds(60))]
            _ = try await queue.enqueue(jobs)
            let due = try await queue.job(jobs[3].id)?.dueAt
            let held = [jobs[0].id, jobs[3].id]
            #expect(try await queue.control(.pause, held) == [.done(.paused), .done(.paused)])
            #expect(
                try await queue.control(.pause, held) == [.done(.paused), .done(.paused)], "a reached state is success")
            #expect(try await harness.claim(1, from: queue).map(\.id) == [jobs[1].id])
            #expect(try await queue.control(.resume, held) == [.done(.queued), .done(.scheduled)])
            #expect(try await queue.job(jobs[3].id)?.dueAt == due)
            #expect(try await harness.claim(2, from: queue).map(\.id) == [jobs[0].id, jobs[2].id])
        }
    }

    @Test func `a paused job whose time came meanwhile is queued when resumed`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job(delay: .seconds(10))
            _ = try await queue.enqueue(new)
            _ = try await queue.control(.pause, new.id)
            try await harness.setClock(.seconds(20))
            #expect(try await queue.control(.resume, new.id) == .done(.queued))
        }
    }

    @Test func `a retrying job pauses and comes back as retrying`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            let claimed = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.settle(claimed, .failed(retryAfter: .seconds(60), error: "x"))
            #expect(try await queue.control(.pause, claimed.id) == .done(.paused))
            #expect(try await queue.control(.resume, claimed.id) == .done(.retrying))
        }
    }

    @Test func `a running job is asked to pause, and resumes at its old place`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<3).map { _ in job() })
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.control(.pause, claimed.id) == .asked)
            #expect(try await queue.control(.pause, claimed.id) == .asked)
            #expect(try await queue.job(claimed.id)?.wanted == .pause)
            #expect(try await queue.settle(claimed, .released(after: nil)) == .settled(.paused))
            #expect(try await queue.status()?.jobs[.active] == 0)
            #expect(try await queue.job(claimed.id)?.failures == 0)
            #expect(try await queue.control(.resume, claimed.id) == .done(.queued))
            #expect(try await harness.claim(from: queue).map(\.id) == [claimed.id])
        }
    }

    @Test func `resuming a job with a pause request withdraws the request`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            let claimed = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.control(.pause, claimed.id)
            #expect(try await queue.control(.resume, claimed.id) == .done(.active))
            #expect(try await queue.settle(claimed, .released(after: nil)) == .settled(.queued))
        }
    }

    @Test func `with a pause request a failure counts, a last or permanent one fails, success completes`() async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job(maxRetries: 0), job(), job()])
            let claimed = try await harness.claim(4, from: queue)
            _ = try await queue.control(.pause, claimed.map(\.id))
            #expect(
                try await queue.settle(claimed[0], .failed(retryAfter: .seconds(900), error: "x")) == .settled(.paused))
            #expect(try await queue.job(claimed[0].id)?.failures == 1)
            #expect(try await queue.control(.resume, claimed[0].id) == .done(.retrying))
            #expect(try await queue.settle(claimed[1], .failed(retryAfter: .zero, error: "x")) == .settled(.failed))
            #expect(try await queue.settle(claimed[2], .failedForGood(error: "x")) == .settled(.failed))
            #expect(try await queue.settle(claimed[3], .completed(output: nil)) == .settled(.completed))
            #expect(try await queue.job(claimed[3].id)?.wanted == nil)
        }
    }

    @Test func `a job whose cancel was answered ends cancelled, or completed if it had succeeded first`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<5).map { _ in job() })
            let claimed = try await harness.claim(5, from: queue)
            #expect(try await queue.control(.cancel, claimed.map(\.id)) == Array(repeating: .asked, count: 5))
            #expect(try await queue.control(.pause, claimed[0].id) == .refused(.active), "cancel wins")
            #expect(try await queue.control(.resume, claimed[0].id) == .refused(.active))
            let outcomes: [Settlement.Outcome] = [
                .released(after: nil), .failed(retryAfter: .zero, error: "x"), .failedForGood(error: "x"),
                .snoozed(.seconds(1)), .completed(output: nil),
            ]
            for (job, outcome) in zip(claimed.prefix(4), outcomes) {
                #expect(try await queue.settle(job, outcome) == .settled(.cancelled))
            }
            #expect(try await queue.settle(claimed[4], outcomes[4]) == .settled(.completed))
            #expect(try await harness.claim(5, from: queue).isEmpty)
        }
    }

    @Test func `cancelling removes waiting jobs, and does not change finished ones`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = [job(), job(delay: .seconds(60)), job()]
            _ = try await queue.enqueue(jobs)
            _ = try await queue.control(.pause, jobs[2].id)
            #expect(try await queue.control(.cancel, jobs.map(\.id)) == Array(repeating: .done(.cancelled), count: 3))
            #expect(try await queue.control(.cancel, jobs[0].id) == .done(.cancelled))
            _ = try await queue.enqueue(job())
            let claimed = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.settle(claimed, .completed(output: nil))
            #expect(try await queue.control(.cancel, claimed.id) == .refused(.completed))
            #expect(try await queue.control(.pause, claimed.id) == .refused(.completed))
            #expect(try await queue.control(.retry, claimed.id) == .refused(.completed))
            #expect(try await queue.status()?.cancelledEver == 3)
        }
    }

    @Test func `a failed job can be retried by hand and starts anew`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job(priority: 4, maxRetries: 0))
            let claimed = try #require(try await harness.claim(from: queue).first)
            let heartbeat = Heartbeat(id: claimed.id, token: claimed.token, checkpoint: [1, 2])
            _ = try await queue.heartbeat(worker: "w", [heartbeat])
            _ = try await queue.settle(claimed, .failed(retryAfter: .zero, error: "x"))
            #expect(try await queue.control(.retry, claimed.id) == .done(.queued))
            #expect(try await queue.control(.retry, claimed.id) == .done(.queued))
            let again = try #require(try await harness.claim(from: queue).first)
            #expect(again.failures == 0)
            #expect(again.claims == 2, "claims never start again")
            #expect(again.checkpoint == [1, 2])
            #expect(again.priority == 4)
            #expect(try await queue.control(.retry, again.id) == .refused(.active))
        }
    }

    @Test func `a retry needs its unique key`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            var first = job()
            first.uniqueKey = "k"
            _ = try await queue.enqueue(first)
            _ = try await queue.control(.cancel, first.id)
            var second = job()
            second.uniqueKey = "k"
            #expect(try await queue.enqueue(second) == .created(.queued))
            #expect(try await queue.control(.retry, first.id) == .uniqueKeyTaken(by: second.id))
            _ = try await queue.control(.cancel, second.id)
            #expect(try await queue.control(.retry, first.id) == .done(.queued))
        }
    }

    @Test func `run queues a waiting job now`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job(delay: .seconds(60))
            _ = try await queue.enqueue(new)
            #expect(try await queue.control(.run, new.id) == .done(.queued))
            #expect(try await queue.control(.run, new.id) == .done(.queued))
            _ = try await queue.control(.pause, new.id)
            #expect(try await queue.control(.run, new.id) == .refused(.paused))
        }
    }

    @Test func `delete forgets finished jobs only`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            _ = try await queue.enqueue(new)
            #expect(try await queue.control(.delete, new.id) == .refused(.queued))
            _ = try await queue.control(.cancel, new.id)
            #expect(try await queue.control(.delete, new.id) == .done(nil))
            #expect(try await queue.control(.delete, new.id) == .missing)
        }
    }

    @Test func `a patch changes priority, wait and retries together`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            _ = try await queue.enqueue(new)
            let patch = ControlVerb.patch(priority: 3, start: .after(.seconds(30)), maxRetries: 7)
            #expect(try await queue.control(patch, new.id) == .done(.scheduled))
            let record = try #require(try await queue.job(new.id))
            #expect(record.priority == 3)
            #expect(record.maxRetries == 7)
            #expect(
                try await queue.control(.patch(priority: nil, start: .after(.zero), maxRetries: nil), new.id)
                    == .done(.queued))
            #expect(try await queue.control(.priority(0), new.id) == .done(.queued))
            #expect(try await queue.job(new.id)?.priority == 0)
            _ = try await queue.control(.pause, new.id)
            #expect(try await queue.control(patch, new.id) == .done(.paused))
            #expect(try await queue.control(.resume, new.id) == .done(.scheduled))
            _ = try await queue.control(.run, new.id)
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.control(patch, new.id) == .refused(.active))
            #expect(try await queue.control(.priority(9), new.id) == .done(.active))
            _ = try await queue.settle(claimed, .completed(output: nil))
            #expect(try await queue.control(.priority(9), new.id) == .refused(.completed))
        }
    }

    @Test func `a job that is retried after reprioritising while active runs with the new priority`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job()])
            let claimed = try await harness.claim(2, from: queue)
            _ = try await queue.control(.priority(5), claimed[1].id)
            for job in claimed { _ = try await queue.settle(job, .released(after: nil)) }
            #expect(try await harness.claim(2, from: queue).map(\.id) == [claimed[1].id, claimed[0].id])
        }
    }

    @Test func `a batch answers each id by itself`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<2).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            let ids = [jobs[0].id, try makeID("nobody"), jobs[1].id, jobs[0].id]
            #expect(
                try await queue.control(.cancel, ids) == [
                    .done(.cancelled), .missing, .done(.cancelled), .done(.cancelled),
                ])
            #expect(try await queue.control(.retry, [jobs[0].id, jobs[0].id]) == [.done(.queued), .done(.queued)])
        }
    }

    @Test func `more ids than one script takes are split and all answered`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<1100).map { _ in job() }
            _ = try await queue.enqueueAtomically(jobs)
            #expect(
                try await queue.control(.priority(3), jobs.map(\.id)) == Array(repeating: .done(.queued), count: 1100))
        }
    }

    @Test func `the verbs that are offered are those that work`() {
        #expect(JobState.paused.allowedVerbs == ["resume", "cancel", "patch"])
        #expect(JobState.completed.allowedVerbs == ["delete"])
    }
}
