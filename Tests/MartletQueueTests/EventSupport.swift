// Words that the tests of events share.

import FoundationEssentials
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

extension EventSubscription {
    /// What comes next: as many events as asked for, or what came until something else did.
    func next(_ count: Int, within limit: Duration = .seconds(30)) async throws -> [QueueEvent] {
        var events: [QueueEvent] = []
        let end = ContinuousClock.now + limit
        while events.count < count {
            switch try await next(before: end) {
            case .events(let more): events += more.map(\.event)
            case .quiet:
                guard ContinuousClock.now < end else {
                    throw NeverHappened(description: "\(count) events; there are \(events.map(\.words))")
                }
            case .reset, .overflow, .ended: throw NeverHappened(description: "\(count) events, but an end")
            }
        }
        return events
    }

    /// The next batch that is not an idle one.
    func nextBatch(within limit: Duration = .seconds(30)) async throws -> Batch {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            let batch = try await next(before: end)
            if case .quiet = batch { continue }
            if case .events(let events) = batch, events.isEmpty { continue }
            return batch
        }
        throw NeverHappened(description: "anything")
    }

    /// Whether nothing comes for a while after all that was done.
    func isSilent() async throws -> Bool {
        let end = ContinuousClock.now + .milliseconds(300)
        while ContinuousClock.now < end {
            switch try await next(before: end) {
            case .quiet: continue
            case .events(let events) where events.isEmpty: continue
            default: return false
            }
        }
        return true
    }
}

extension QueueEvent {
    /// Kind, job and state, for comparisons.
    var words: String {
        [kind.rawValue, job?.description, state?.rawValue].compactMap(\.self).joined(separator: " ")
    }
}

/// Everything that can happen to jobs, with what listeners hear of it.
struct EventStory {
    let harness: QueueHarness
    let queue: Queue
    private(set) var told: [String] = []
    private var number = 0

    init(_ harness: QueueHarness, queue: String = "q") {
        self.harness = harness
        self.queue = harness.queue(queue)
    }

    private mutating func tell(_ lines: String...) { told += lines }

    mutating func push(_ id: String, type: String = "test", delay: Duration = .zero) async throws {
        _ = try await queue.enqueue(NewJob(id: try makeID(id), type: type, payload: Array("{}".utf8), delay: delay))
        tell("pushed \(id) \(delay > .zero ? "scheduled" : "queued")")
    }

    mutating func claim(_ ids: String...) async throws -> [ClaimedJob] {
        number += 1
        let jobs = try await queue.claim(ClaimRequest(worker: "w", number: number, upTo: ids.count)).jobs
        #expect(jobs.map(\.id.description) == ids)
        for id in ids { tell("started \(id) active") }
        return jobs
    }

    mutating func settle(_ job: ClaimedJob, _ outcome: Settlement.Outcome, _ line: String) async throws {
        #expect(try await queue.settle(job, outcome).isDone)
        tell(line)
    }

    mutating func control(_ verb: ControlVerb, _ id: String, _ line: String?) async throws {
        _ = try await queue.control(verb, try makeID(id))
        if let line { tell(line) }
    }

    /// All kinds of events but those of losses, in the order in which they are told.
    mutating func run() async throws {
        for id in ["a", "b", "c", "d"] { try await push(id, type: id == "b" ? "other type" : "test") }
        try await push("e", delay: .seconds(60))
        let jobs = try await claim("a", "b", "c", "d")
        let beat = Heartbeat(id: jobs[0].id, token: jobs[0].token, progress: JobProgress(completed: 1, total: 4))
        _ = try await queue.heartbeat(worker: "w", [beat])
        tell("progress a active")
        try await settle(jobs[0], .completed(output: nil), "completed a completed")
        try await settle(jobs[1], .failed(retryAfter: .seconds(60), error: "no luck"), "retrying b retrying")
        try await settle(jobs[2], .released(after: nil), "released c queued")
        try await settle(jobs[3], .failedForGood(error: "never"), "failed d failed")
        try await control(.pause, "c", "paused c paused")
        try await control(.pause, "c", nil)
        try await control(.resume, "c", "resumed c queued")
        try await control(.priority(5), "c", "updated c queued")
        try await control(
            .patch(priority: nil, start: .after(.seconds(900)), maxRetries: nil), "c", "rescheduled c retrying")
        try await control(.run, "e", "rescheduled e queued")
        try await control(.retry, "d", "retried d queued")
        try await control(.cancel, "b", "cancelled b cancelled")
        try await control(.delete, "b", "deleted b")
        _ = try await queue.preview(.cancel, [try makeID("e")])
        let more = try await claim("e", "d")
        try await control(.cancel, "e", "stopping e active")
        try await settle(more[0], .failed(retryAfter: .zero, error: ""), "cancelled e cancelled")
        try await settle(more[1], .completed(output: Array("1".utf8)), "completed d completed")
        try await queue.pause(reason: "a\nreason", by: "me")
        tell("queue.paused")
        try await queue.resume()
        tell("queue.resumed")
        try await queue.configure(QueueSettingsChange(limit: 7))
        tell("queue.configured")
    }
}
