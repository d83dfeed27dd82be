// Mistakes that random runs against the model brought up, each held by a test of its own.

import MartletJobs
import MartletQueue
import TestSupport
import Testing

@Suite struct FoundByModelTests {
    @Test func `a job out of its bounds is refused before Redis sees it, alone and among good ones`() async throws {
        try await withFaultyStore { harness in
            let queue = harness.queue()
            try await queue.create()
            var nameless = job()
            nameless.type = ""
            var eager = job()
            eager.maxRetries = 101
            #expect(try await queue.enqueue(nameless) == .invalid("type"))
            #expect(
                try await queue.enqueue([job(), nameless, eager, job()]) == [
                    .created(.queued), .invalid("type"), .invalid("max_retries"), .created(.queued),
                ])
            #expect(try await harness.claim(5, from: queue).count == 2, "a nameless job would spoil the whole claim")
        }
    }

    @Test func `a job named twice in one push gets the verdict of the first`() async throws {
        try await withFaultyStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let later = job(delay: .seconds(5))
            #expect(try await queue.enqueue([later, later]) == [.created(.scheduled), .existing(.scheduled)])
            let now = job()
            var twin = now
            twin.delay = .seconds(5)
            #expect(try await queue.enqueue([now, twin]) == [.created(.queued), .existing(.queued)])
        }
    }

    @Test func `a retry keeps its wait when the clock goes back`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setClock(.seconds(3600))
            _ = try await queue.enqueue([job(), job(), job()])
            let claimed = try await harness.claim(3, from: queue)
            try await harness.setClock(.zero)
            #expect(
                try await queue.settle(claimed[0], .failed(retryAfter: .seconds(1000), error: "x"))
                    == .settled(.retrying))
            #expect(try await queue.settle(claimed[1], .snoozed(.seconds(1000))) == .settled(.retrying))
            #expect(try await queue.settle(claimed[2], .released(after: .seconds(1000))) == .settled(.retrying))
            #expect(try await harness.claim(3, from: queue).isEmpty)
        }
    }

    @Test func `a job put back without a wait gets the latest place, also when the clock went back`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await harness.setClock(.seconds(3600))
            _ = try await queue.enqueue(job())
            let claimed = try #require(try await harness.claim(from: queue).first)
            let others = [job(), job()]
            _ = try await queue.enqueue(others[0])
            try await harness.setClock(.seconds(3700))
            _ = try await queue.enqueue(others[1])
            try await harness.setClock(.zero)
            #expect(try await queue.settle(claimed, .snoozed(.zero)) == .settled(.queued))
            #expect(try await harness.claim(from: queue).map(\.id) == [others[0].id])
        }
    }

    @Test func `a spent token is refused, in any spelling`() async throws {
        try await withFaultyStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job()])
            for claimed in try await harness.claim(2, from: queue) {
                _ = try await queue.settle(claimed, .completed(output: nil))
                for outcome in [Settlement.Outcome.completed(output: nil), .failedForGood(error: "x")] {
                    let spent = Settlement(id: claimed.id, token: "-" + claimed.token, outcome: outcome)
                    #expect(try await queue.settle([spent]).verdicts == [.fenced])
                }
                #expect(try await queue.state(claimed.id) == .completed)
            }
            #expect(try await queue.status()?.completedEver == 2)
        }
    }

    @Test func `a wait out of range is clamped`() async throws {
        try await withFaultyStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue([job(), job()])
            let claimed = try await harness.claim(2, from: queue)
            let ages = Duration.seconds(400 * 86_400)
            #expect(
                try await queue.settle(claimed[0], .failed(retryAfter: ages, error: "x")) == .settled(.retrying))
            #expect(
                try await queue.settle(claimed[1], .failed(retryAfter: .seconds(-1), error: "x")) == .settled(.queued))
        }
    }

    @Test func `the longest delay is no finding when the clock goes back`() async throws {
        try await withFaultyStore { harness in
            let queue = harness.queue()
            var late = job()
            late.delay = .seconds(365 * 86_400)
            _ = try await queue.enqueue(late)
            try await harness.setClock(.seconds(-3600))
            #expect(try await queue.audit().findings == [])
        }
    }
}
