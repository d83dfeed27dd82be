// Changing the payload of a job that does not run.

import Foundation
import MartletJobs
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct EditTests {
    private static let new = Array(#"{"n":2}"#.utf8)

    @Test func `a job that waits keeps its state and its position with a new payload`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = [job(), job(), job()]
            _ = try await queue.enqueue(jobs)
            #expect(try await queue.edit(jobs[1].id, payload: Self.new) == .done(.queued))
            #expect(try await queue.edit(jobs[1].id, payload: Self.new) == .done(.queued), "it may be repeated")
            let claimed = try await harness.claim(3, from: queue)
            #expect(claimed.map(\.id) == jobs.map(\.id))
            #expect(claimed.map(\.payload) == [Array("{}".utf8), Self.new, Array("{}".utf8)])
            for job in claimed { _ = try await queue.settle([job.completion]) }
        }
    }

    @Test func `scheduled, retrying, paused, failed and cancelled jobs take it and stay as they are`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<5).map { _ in job() }
            _ = try await queue.enqueue(Array(jobs.prefix(3)) + [job(jobs[3].id, delay: .seconds(60)), jobs[4]])
            let claimed = try await harness.claim(2, from: queue)
            _ = try await queue.heartbeat(
                worker: "w",
                [
                    Heartbeat(
                        id: claimed[0].id, token: claimed[0].token, progress: JobProgress(completed: 1),
                        checkpoint: Array("7".utf8))
                ])
            _ = try await queue.settle(claimed[0], .failed(retryAfter: .seconds(60), error: "e"))
            _ = try await queue.settle(claimed[1], .failedForGood(error: "e"))
            _ = try await queue.control(.pause, jobs[2].id)
            _ = try await queue.control(.cancel, jobs[4].id)
            let states: [JobState] = [.retrying, .failed, .paused, .scheduled, .cancelled]
            for (job, state) in zip(jobs, states) {
                #expect(try await queue.edit(job.id, payload: Self.new) == .done(state))
                let now = try #require(try await queue.job(job.id))
                #expect(now.payload == Self.new && now.state == state)
                #expect(now.checkpoint == nil && now.progress == nil, "they belong to the old payload")
            }
            #expect(try await queue.job(jobs[1].id)?.error == "e")
            #expect(try await queue.control(.retry, jobs[1].id) == .done(.queued))
            #expect(try await harness.claim(from: queue).first?.payload == Self.new)
        }
    }

    @Test func `other values change with the payload, in one call or not at all`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let first = job()
            _ = try await queue.enqueue(first)
            let verdict = try await queue.edit(
                first.id, payload: Self.new, priority: 5, start: .after(.seconds(60)), maxRetries: 9)
            #expect(verdict == .done(.scheduled))
            let now = try #require(try await queue.job(first.id))
            #expect(now.priority == 5 && now.maxRetries == 9 && now.payload == Self.new)
            _ = try await queue.control(.cancel, first.id)
            let before = try await harness.snapshot(of: first.id)
            #expect(try await queue.edit(first.id, payload: [1], priority: 1) == .refused(.cancelled))
            #expect(try await harness.snapshot(of: first.id) == before)
        }
    }

    @Test func `an active or completed job refuses it, and a payload has 1 byte to 1 MiB`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let first = job()
            _ = try await queue.enqueue(first)
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.edit(first.id, payload: Self.new) == .refused(.active))
            _ = try await queue.settle([claimed.completion])
            #expect(try await queue.edit(first.id, payload: Self.new) == .refused(.completed))
            #expect(try await queue.job(first.id)?.payload == Array("{}".utf8))
            #expect(try await queue.edit(try makeID("none"), payload: Self.new) == .missing)
            for size in [0, NewJob.Limit.payload + 1] {
                let payload = [UInt8](repeating: 0x20, count: size)
                #expect(try await queue.edit(first.id, payload: payload) == .invalid("payload"))
            }
        }
    }

    @Test func `a result says whether the call has changed the job`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = [job(), job()]
            _ = try await queue.enqueue(jobs)
            func changed(_ verb: ControlVerb) async throws -> [Bool] {
                try await queue.results(of: verb, jobs.map(\.id)).map(\.isChanged)
            }
            _ = try await queue.control(.pause, jobs[0].id)
            #expect(try await changed(.pause) == [false, true])
            #expect(try await changed(.resume) == [true, true])
            #expect(try await changed(.resume) == [false, false])
            _ = try await harness.claim(from: queue)
            #expect(try await changed(.cancel) == [true, true], "one was asked to stop")
            #expect(try await changed(.cancel) == [false, false])
            #expect(try await changed(.delete) == [false, true])
            #expect(try await changed(.delete) == [false, false])
        }
    }
}
