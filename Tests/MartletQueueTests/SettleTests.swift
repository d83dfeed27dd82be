// Settling: outcomes, retries, fencing, repeats, retention.

import Foundation
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct SettleTests {
    @Test func `an always failing job runs four times, due 1 s, 2 s and 4 s after each failure`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job(priority: 5)
            _ = try await queue.enqueue(new)
            var offset = Duration.zero
            for (attempt, wait) in [1, 2, 4].enumerated() {
                let claimed = try #require(try await harness.claim(from: queue).first)
                #expect(claimed.priority == 5, "a retry keeps its priority")
                let before = try #require(try await queue.job(new.id)).readAt
                let policy = claimed.retryPolicy.delay(afterFailure: claimed.failures + 1)
                #expect(
                    try await queue.settle(claimed, .failed(retryAfter: policy, error: "no \(attempt)"))
                        == .settled(.retrying))
                let record = try #require(try await queue.job(new.id))
                let due = try #require(record.dueAt)
                #expect(due.timeIntervalSince(before) >= Double(wait))
                #expect(due.timeIntervalSince(record.readAt) <= Double(wait))
                #expect(record.attempt == attempt + 1)
                #expect(try await queue.status()?.jobs[.active] == 0, "a waiting retry holds no slot")
                // An hour earlier, so that it does not fall due while a slow machine looks.
                try await harness.setClock(offset - .seconds(3600))
                #expect(try await harness.claim(from: queue).isEmpty)
                offset += .seconds(wait) + .milliseconds(1)
                try await harness.setClock(offset)
            }
            let last = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.settle(last, .failed(retryAfter: .seconds(8), error: "no")) == .settled(.failed))
            let record = try #require(try await queue.job(new.id))
            #expect(record.failures == 4)
            #expect(record.claims == 4)
            #expect(record.error == "no")
            #expect(try await queue.status()?.failedEver == 1)
        }
    }

    @Test(arguments: [0, 5]) func `max retries are honoured`(_ retries: Int) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job(maxRetries: retries)
            _ = try await queue.enqueue(new)
            for attempt in 0...retries {
                let claimed = try #require(try await harness.claim(from: queue).first)
                let verdict = try await queue.settle(claimed, .failed(retryAfter: .zero, error: "x"))
                #expect(verdict == .settled(attempt == retries ? .failed : .queued))
            }
            #expect(try await queue.job(new.id)?.failures == retries + 1)
        }
    }

    @Test func `a permanent error does not retry`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.settle(claimed, .failedForGood(error: "gone")) == .settled(.failed))
        }
    }

    @Test func `release keeps the place in line and costs no retry`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<3).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.settle(claimed, .released(after: nil)) == .settled(.queued))
            #expect(try await queue.job(claimed.id)?.failures == 0)
            #expect(try await harness.claim(3, from: queue).map(\.id) == jobs.map(\.id))
        }
    }

    @Test func `snooze and release with a delay wait`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job()])
            let claimed = try await harness.claim(2, from: queue)
            #expect(try await queue.settle(claimed[0], .snoozed(.seconds(3600))) == .settled(.retrying))
            #expect(try await queue.settle(claimed[1], .released(after: .seconds(3600))) == .settled(.retrying))
            #expect(try await harness.claim(2, from: queue).isEmpty)
            try await harness.setClock(.seconds(3601))
            #expect(try await harness.claim(2, from: queue).map(\.failures) == [0, 0])
        }
    }

    @Test func `a postponed job reports why and costs no retry`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job()])
            let claimed = try #require(try await harness.claim(1, from: queue).first)
            let outcome = Settlement.Outcome.postponed(retryAfter: .seconds(5), error: "disk_full: no room")
            #expect(try await queue.settle(claimed, outcome) == .settled(.retrying))
            let record = try #require(try await queue.job(claimed.id))
            #expect(record.error == "disk_full: no room" && record.failures == 0)
            try await harness.setClock(.seconds(6))
            let again = try #require(try await harness.claim(1, from: queue).first)
            #expect(again.failures == 0 && again.unknownFor == nil)
        }
    }

    @Test func `a repeated settlement gets the true state`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job()])
            let claimed = try await harness.claim(2, from: queue)
            #expect(try await queue.settle(claimed[0], .completed(output: nil)) == .settled(.completed))
            #expect(try await queue.settle(claimed[0], .completed(output: nil)) == .duplicate(.completed))
            #expect(
                try await queue.settle([claimed[1].completion, claimed[1].completion]).verdicts.first
                    == .settled(.completed))
            _ = try await queue.control(.delete, claimed[0].id)
            #expect(try await queue.settle(claimed[0], .completed(output: nil)) == .gone)
        }
    }

    @Test func `a stale token is refused and changes no byte`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            _ = try await queue.enqueue(new)
            let zombie = try #require(try await harness.claim(from: queue, worker: "zombie").first)
            _ = try await queue.settle(zombie, .released(after: nil))
            let holder = try #require(try await harness.claim(from: queue, worker: "holder").first)
            let before = try await harness.snapshot(of: new.id)
            #expect(try await queue.settle(zombie, .completed(output: nil)) == .fenced)
            #expect(
                try await queue.heartbeat(worker: "zombie", [Heartbeat(id: new.id, token: zombie.token)]).verdicts == [
                    .fenced
                ])
            #expect(try await harness.snapshot(of: new.id) == before)
            #expect(try await queue.settle(holder, .completed(output: Array("1".utf8))) == .settled(.completed))
            #expect(try await queue.job(new.id)?.output == Array("1".utf8))
        }
    }

    @Test func `a job that was not kept does not reappear`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.configure(QueueSettingsChange(completed: Retention.none))
            _ = try await queue.enqueue(job())
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(try await queue.settle(claimed, .completed(output: nil)) == .settled(.completed))
            #expect(try await queue.job(claimed.id) == nil)
            #expect(try await queue.settle(claimed, .completed(output: nil)) == .gone)
            #expect(
                try await queue.heartbeat(worker: "w", [Heartbeat(id: claimed.id, token: claimed.token)]).verdicts == [
                    .gone
                ])
            #expect(try await harness.command("EXISTS", harness.key("job:\(claimed.id)")).int == 0)
            #expect(try await queue.status()?.completedEver == 1)
        }
    }

    @Test func `one stale token of a batch does not affect others`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<3).map { _ in job() })
            let claimed = try await harness.claim(3, from: queue)
            var bad = claimed[1].completion
            bad.token = "1:0000000000000000"
            let reply = try await queue.settle([claimed[0].completion, bad, claimed[2].completion])
            #expect(reply.verdicts == [.settled(.completed), .fenced, .settled(.completed)])
            #expect(try await queue.state(claimed[1].id) == .active)
        }
    }

    @Test func `a turn settles and claims at once`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<3).map { _ in job() })
            let first = try await queue.turn(settle: [], claim: ClaimRequest(worker: "w", number: 1, upTo: 2))
            #expect(first.settled.verdicts.isEmpty)
            let jobs = try #require(first.claimed).jobs
            let second = try await queue.turn(
                settle: jobs.map(\.completion), claim: ClaimRequest(worker: "w", number: 2, upTo: 2))
            #expect(second.settled.verdicts == [.settled(.completed), .settled(.completed)])
            #expect(second.claimed?.jobs.count == 1)
        }
    }

    @Test func `a key of another type is no job: it fails alone, and the rest of the turn goes on`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<4).map { _ in job() })
            let held = try await harness.claim(3, from: queue)
            for broken in held.dropLast() {
                try await harness.command("DEL", harness.key("job:\(broken.id)"))
                try await harness.command("LPUSH", harness.key("job:\(broken.id)"), "x")
            }
            var failure = held[1].completion
            failure.outcome = .failedForGood(error: "e")
            let turn = try await queue.turn(
                settle: [held[0].completion, failure, held[2].completion],
                claim: ClaimRequest(worker: "other", number: 1, upTo: 5))
            #expect(turn.settled.verdicts == [.gone, .gone, .settled(.completed)])
            #expect(turn.claimed?.jobs.count == 1)
            for broken in held.dropLast() {
                try await harness.command("DEL", harness.key("job:\(broken.id)"))
                try await harness.command("ZREM", harness.key("active"), "\(broken.id)")
                try await harness.command("HINCRBY", harness.key("meta"), "deleted", "1")
            }
        }
    }

    @Test func `a reply that does not match its request is refused as a whole`() throws {
        let held = [Settlement(id: .generate(), token: "1:a", outcome: .completed(output: nil))]
        let call = TurnCall(held[...], claim: nil)
        let head: [RedisValue] = ["ok", "30000", "-1", "0", "1", "n"].map { .bytes(Array($0.utf8)) }
        let gone = RedisValue.array([.bytes(Array("gone".utf8))])
        #expect(throws: QueueError.self) { try call.reply(.array(head)) }
        #expect(throws: QueueError.self) { try call.reply(.array(head + [.array([.integer(2), gone])])) }
        #expect(throws: QueueError.self) { try call.reply(.array(head + [.array([.integer(1)])])) }
        #expect(try call.reply(.array(head + [.array([.integer(1), gone])])).settled.verdicts == [.gone])
    }

    @Test func `a settled job keeps its last progress, result and error within their limits`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job()])
            let claimed = try await harness.claim(2, from: queue)
            var done = claimed[0].completion
            done.progress = JobProgress(completed: 10, total: 10, rate: 2.4)
            _ = try await queue.settle([done])
            #expect(try await queue.job(claimed[0].id)?.progress == JobProgress(completed: 10, total: 10, rate: 2))
            let long = String(repeating: "ü", count: 10_000)
            _ = try await queue.settle(claimed[1], .failedForGood(error: long))
            let error = try #require(try await queue.job(claimed[1].id)?.error)
            #expect(error.utf8.count <= Settlement.errorLimit)
            #expect(error.hasSuffix("…"))
        }
    }

    @Test(arguments: [Double.infinity, -.infinity, .nan, -1, 1e300])
    func `a rate that is not a finite number is omitted`(_ rate: Double) {
        #expect(JobProgress(completed: 1, total: 2, rate: rate).stored == "1/2/")
    }

    @Test func `an error's text is data, whatever it holds`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            let claimed = try #require(try await harness.claim(from: queue).first)
            let text = "a\r\n-ERR b]]\"..os.exit()\0"
            _ = try await queue.settle(claimed, .failedForGood(error: text))
            #expect(try await queue.job(claimed.id)?.error == text)
        }
    }

    @Test func `completed jobs beyond their count are removed as new ones come, except those of the last minute`()
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.configure(QueueSettingsChange(completed: Retention(age: .seconds(3600), count: 5)))
            for _ in 0..<3 { try await harness.completeTen(queue) }
            #expect(try await queue.status()?.jobs[.completed] == 30)
            try await harness.setClock(.seconds(90))
            for _ in 0..<3 { try await harness.completeTen(queue) }
            #expect(try await queue.status()?.jobs[.completed] == 30, "the old ones are gone, the fresh ones stay")
        }
    }
}

extension QueueHarness {
    fileprivate func completeTen(_ queue: Queue) async throws {
        _ = try await queue.enqueue((0..<10).map { _ in job() })
        _ = try await queue.settle(claim(10, from: queue).map(\.completion))
    }
}
