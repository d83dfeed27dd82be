// Jobs of equal priority run in the order of their arrival, whatever their ids, also when they share a millisecond.

import FoundationEssentials
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@Suite struct OrderTests {
    /// Ids whose text sorts otherwise than they stand here.
    private static func ids(_ count: Int = 30) throws -> [JobID] {
        try (0..<count).map { try makeID("job-\($0.isMultiple(of: 3) ? 1000 - $0 : $0)") }
    }

    /// Claims one by one until the queue is empty.
    private static func line(_ queue: Queue, _ harness: QueueHarness, at once: Int = 7) async throws -> [JobID] {
        var line: [JobID] = []
        while true {
            let jobs = try await harness.claim(once, from: queue)
            guard !jobs.isEmpty else { return line }
            line += jobs.map(\.id)
        }
    }

    @Test(arguments: [0, 1, -1, 2, 7, -50, 511, 512, 1000, -1000], [false, true])
    func `ids of callers run in the order of one call`(priority: Int, isAtomic: Bool) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = try Self.ids(300).map { job($0, priority: priority) }
            if isAtomic {
                _ = try await queue.enqueueAtomically(jobs)
            } else {
                _ = try await queue.enqueue(jobs)
            }
            #expect(try await Self.line(queue, harness, at: 128) == jobs.map(\.id))
        }
    }

    @Test(arguments: [0, 5, -1000])
    func `pushes one after another run in their order, also with digests`(priority: Int) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let ids = try Self.ids(60)
            for (index, id) in ids.enumerated() {
                var new = job(id, priority: priority)
                if index.isMultiple(of: 2) { new.digest = "d" }
                _ = try await queue.enqueue(new)
            }
            #expect(try await Self.line(queue, harness) == ids)
        }
    }

    @Test func `a call of mixed priorities keeps the order of each`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = try Self.ids(200).enumerated().map { job($1, priority: [0, 1000, -3, 0, 7][$0 % 5]) }
            _ = try await queue.enqueue(jobs)
            _ = try await queue.enqueue(jobs.map { job(try makeID("b-\($0.id)"), priority: $0.priority) })
            let expected = [1000, 7, 0, -3].flatMap { priority in
                let part = jobs.filter { $0.priority == priority }.map(\.id.description)
                return part + part.map { "b-\($0)" }
            }
            #expect(try await Self.line(queue, harness).map(\.description) == expected)
        }
    }

    @Test(arguments: [0, 3, 1000])
    func `jobs that fall due in the same millisecond run in the order of their pushes`(priority: Int) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let ids = try Self.ids(90)
            let due = Date(timeIntervalSinceNow: 3600)
            _ = try await queue.enqueue(ids.prefix(50).map { Self.due($0, priority, at: due) })
            for id in ids.dropFirst(50) { _ = try await queue.enqueue(Self.due(id, priority, at: due)) }
            try await harness.setClock(.seconds(7200))
            #expect(try await Self.line(queue, harness) == ids)
        }
    }

    @Test func `equal delays of one call fall due in its order`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let ids = try Self.ids(90)
            _ = try await queue.enqueueAtomically(ids.map { job($0, delay: .seconds(60)) })
            try await harness.setClock(.seconds(120))
            #expect(try await Self.line(queue, harness) == ids)
        }
    }

    @Test(arguments: [ControlVerb.retry, .run, .patch(priority: nil, start: .after(.zero), maxRetries: nil)])
    func `a verb on many ids queues them in the order given`(verb: ControlVerb) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let ids = try Self.ids(40)
            _ = try await queue.enqueue(ids.shuffled().map { job($0, priority: 9, delay: .seconds(60)) })
            if verb == .retry { _ = try await queue.control(.cancel, ids) }
            _ = try await queue.control(verb, ids)
            #expect(try await Self.line(queue, harness) == ids)
        }
    }

    @Test func `attempts that failed together are retried in the order in which they ended`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let ids = try Self.ids(40)
            _ = try await queue.enqueue(ids.map { job($0) })
            let claimed = try await harness.claim(40, from: queue).shuffled()
            for wait in [Duration.zero, .seconds(5)] {
                let part = wait == .zero ? claimed.prefix(20) : claimed.suffix(20)
                _ = try await queue.settle(
                    part.map { Settlement(id: $0.id, token: $0.token, outcome: .failed(retryAfter: wait, error: "")) })
                try await harness.setClock(wait * 2)
                #expect(try await Self.line(queue, harness) == part.map(\.id))
            }
        }
    }

    @Test func `jobs return to their positions, whatever removed them`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let ids = try Self.ids(40)
            _ = try await queue.enqueue(ids.map { job($0, priority: 1000) })
            let claimed = try await harness.claim(20, from: queue).shuffled()
            _ = try await queue.control(.pause, ids.suffix(10).shuffled())
            _ = try await queue.settle(
                claimed.map { Settlement(id: $0.id, token: $0.token, outcome: .released(after: nil)) })
            _ = try await queue.control(.resume, ids.suffix(10).shuffled())
            #expect(try await Self.line(queue, harness) == ids)
        }
    }

    @Test func `pages of an index with fractional scores miss and repeat nothing`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let ids = try Self.ids(60)
            _ = try await queue.enqueue(ids.map { job($0) })
            var (seen, cursor) = ([JobID](), JobCursor?.none)
            repeat {
                let page = try await queue.list(after: cursor.flatMap { JobCursor($0.description) }, limit: 7)
                seen += page.jobs.map(\.id)
                cursor = page.next
                // The last one seen leaves, so that the next page has to look for its place.
                if let last = seen.last { _ = try await queue.control(.cancel, last) }
            } while cursor?.description.hasPrefix("queued") ?? false
            #expect(Array(seen.prefix(60)) == ids)
        }
    }

    private static func due(_ id: JobID, _ priority: Int, at moment: Date) -> NewJob {
        NewJob(id: id, type: "test", payload: [1], priority: priority, runAt: moment)
    }
}

@Suite struct RunAtTests {
    @Test func `a moment is compared with Redis' clock, and a repeat does not move it`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            // Redis' clock is an hour ahead of this machine's.
            try await harness.setClock(.seconds(3600))
            let moment = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 7200).rounded())
            let new = NewJob(type: "test", payload: [1], runAt: moment)
            #expect(try await queue.enqueue(new) == .created(.scheduled))
            #expect(try await queue.job(new.id)?.dueAt == moment)
            #expect(try await queue.enqueue(new) == .existing(.scheduled))
            #expect(try await queue.job(new.id)?.dueAt == moment)
            let past = NewJob(type: "test", payload: [1], runAt: Date(timeIntervalSinceNow: 1800))
            #expect(try await queue.enqueue(past) == .created(.queued))
        }
    }

    @Test func `a moment that is more than a year away is refused, by Redis' clock`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let moment = Date(timeIntervalSinceNow: 366 * 86_400)
            let new = NewJob(type: "test", payload: [1], runAt: moment)
            #expect(try await queue.enqueue(new) == .invalid("run_at"))
            try await harness.setClock(.seconds(2 * 86_400))
            #expect(try await queue.enqueue(new) == .created(.scheduled))
            let start = ControlVerb.patch(priority: nil, start: .at(moment + 4 * 86_400), maxRetries: nil)
            #expect(try await queue.control(start, new.id) == .invalid("run_at"))
        }
    }

    @Test func `a change to a moment sets the due time to it`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = NewJob(type: "test", payload: [1])
            _ = try await queue.enqueue(new)
            let moment = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 500).rounded())
            let patch = ControlVerb.patch(priority: nil, start: .at(moment), maxRetries: nil)
            #expect(try await queue.control(patch, new.id) == .done(.scheduled))
            #expect(try await queue.job(new.id)?.dueAt == moment)
            let now = ControlVerb.patch(priority: nil, start: .at(.distantPast), maxRetries: nil)
            #expect(try await queue.control(now, new.id) == .done(.queued))
        }
    }

    @Test func `a digest covers the moment itself`() {
        let moment = Date(timeIntervalSince1970: 1_900_000_000)
        let new = NewJob(type: "test", payload: [1], runAt: moment)
        var other = new
        other.runAt = moment + 1
        #expect(new.requestDigest() == NewJob(type: "test", payload: [1], runAt: moment).requestDigest())
        #expect(new.requestDigest() != other.requestDigest())
        #expect(new.requestDigest() != NewJob(type: "test", payload: [1]).requestDigest())
    }

    @Test func `a time together with a delay is refused`() {
        let new = NewJob(type: "test", payload: [1], delay: .seconds(1), runAt: Date())
        #expect(new.invalidField == "run_at")
    }
}
