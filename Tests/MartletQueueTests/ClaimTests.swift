// Claiming: order, exactly once, limits, pause, due jobs, replay.

import Foundation
import MartletJobs
import MartletQueue
import MartletRedis
import TestSupport
import Testing

@Suite struct ClaimTests {
    @Test func `mixed priorities from four producers are claimed in exact order of priority, time and id`() async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            let pushed = try await withThrowingTaskGroup(of: [NewJob].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        var mine: [NewJob] = []
                        for _ in 0..<250 {
                            let new = job(priority: [-1000, -3, 0, 1, 7, 1000].randomElement() ?? 0)
                            let verdict = try await queue.enqueue(new)
                            #expect(verdict == .created(.queued))
                            mine.append(new)
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let line = try await queue.order()
            var claimed: [ClaimedJob] = []
            while true {
                let more = try await harness.claim(64, from: queue)
                if more.isEmpty { break }
                claimed += more
            }
            #expect(claimed.count == 1000)
            #expect(claimed.map(\.id) == line)
            #expect(claimed.map(\.priority) == claimed.map(\.priority).sorted(by: >))
            for producer in pushed {
                for priority in Set(producer.map(\.priority)) {
                    let ids = Set(producer.map(\.id))
                    let mine = claimed.filter { ids.contains($0.id) && $0.priority == priority }.map(\.id)
                    #expect(mine == producer.filter { $0.priority == priority }.map(\.id), "in the order of arrival")
                }
            }
        }
    }

    /// As a list each entry that is added costs a look at all others.
    @Test func `after a large claim the active index is a skip list with only these jobs`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<60).map { _ in job() })
            var held: [ClaimedJob] = []
            for (count, form) in [(5, "listpack"), (15, "listpack"), (20, "skiplist"), (20, "skiplist")] {
                held += try await harness.claim(count, from: queue)
                let active = try await harness.command("ZRANGE", harness.key("active"), "0", "-1").array ?? []
                #expect(Set(active.compactMap(\.string)) == Set(held.map(\.id.description)))
                #expect(try await harness.command("OBJECT", "ENCODING", harness.key("active")).string == form)
            }
        }
    }

    /// What makes a tree of the list is an entry that is taken out again.
    @Test func `no id that a caller can choose equals the entry that converts the index`() async throws {
        try await withStore { harness in
            // An id of dots alone is none.
            let texts = "-_:".map { String(repeating: $0, count: 65) } + ["-" + String(repeating: ".", count: 64)]
            let ids: [JobID] = try texts.map { try JobID(validating: $0) }
            _ = try await harness.queue().enqueue(ids.map { job($0) } + (0..<16).map { _ in job() })
            let held = try await harness.claim(20, from: harness.queue())
            #expect(held.count == 20)
            let active = try await harness.command("ZRANGE", harness.key("active"), "0", "-1").array ?? []
            #expect(Set(active.compactMap(\.string)) == Set(held.map(\.id.description)))
        }
    }

    @Test func `twenty claimers racing over ten thousand jobs get each job exactly once`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueueAtomically((0..<10_000).map { _ in job() })
            let claimed = try await withThrowingTaskGroup(of: [JobID].self) { group in
                for worker in 0..<20 {
                    group.addTask {
                        var mine: [JobID] = []
                        for call in 1... {
                            let request = ClaimRequest(worker: "w\(worker)", number: call, upTo: Int.random(in: 1...32))
                            let jobs = try await queue.claim(request).jobs
                            if jobs.isEmpty { return mine }
                            mine += jobs.map(\.id)
                        }
                        return mine
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 10_000)
            #expect(Set(claimed).count == 10_000)
        }
    }

    @Test func `a high priority pushed behind a thousand low ones is next`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<1000).map { _ in job(priority: 1) })
            let urgent = job(priority: 2)
            _ = try await queue.enqueue(urgent)
            #expect(try await harness.claim(from: queue).map(\.id) == [urgent.id])
        }
    }

    @Test func `a changed priority takes effect in the next claim`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<3).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            #expect(try await queue.control(.priority(10), jobs[2].id) == .done(.queued))
            #expect(try await queue.control(.priority(-10), jobs[0].id) == .done(.queued))
            #expect(try await harness.claim(3, from: queue).map(\.id) == [jobs[2].id, jobs[1].id, jobs[0].id])
        }
    }

    @Test func `order holds when the clock goes back`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let first = job()
            let second = job()
            try await harness.setClock(.seconds(3600))
            _ = try await queue.enqueue(first)
            try await harness.setClock(.zero)
            _ = try await queue.enqueue(second)
            #expect(try await harness.claim(2, from: queue).map(\.id) == [first.id, second.id])
        }
    }

    @Test func `with an ageing step a level of priority equals a waiting time`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.configure(QueueSettingsChange(step: .seconds(60)))
            let old = job()
            _ = try await queue.enqueue(old)
            try await harness.setClock(.seconds(90))
            let one = job(priority: 1)
            let two = job(priority: 2)
            _ = try await queue.enqueue([one, two])
            #expect(try await harness.claim(3, from: queue).map(\.id) == [two.id, old.id, one.id])
        }
    }

    @Test func `the step changes only while nothing is queued`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            await #expect { try await queue.configure(QueueSettingsChange(step: .seconds(60))) } throws: {
                ($0 as? QueueError)?.kind == .refused(.stepInUse)
            }
            try await queue.configure(QueueSettingsChange(step: .milliseconds(1 << 42)))
        }
    }

    @Test func `the limit bounds what is active in all workers`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.configure(QueueSettingsChange(limit: 3))
            _ = try await queue.enqueue((0..<10).map { _ in job() })
            let held = try await harness.claim(2, from: queue, worker: "a")
            #expect(held.count == 2)
            #expect(try await harness.claim(10, from: queue, worker: "b").count == 1)
            let full = try await queue.claim(ClaimRequest(worker: "c", number: 1, upTo: 5))
            #expect(full.status == .full)
            #expect(full.jobs.isEmpty)
            _ = try await queue.settle(held[0], .completed(output: nil))
            #expect(try await harness.claim(10, from: queue, worker: "b").count == 1)
            try await queue.configure(QueueSettingsChange(limit: 1))
            #expect(try await queue.status()?.jobs[.active] == 3, "lowering takes nothing away")
            #expect(try await harness.claim(10, from: queue, worker: "b").isEmpty)
            try await queue.configure(QueueSettingsChange(limit: 0))
            #expect(try await harness.claim(10, from: queue, worker: "b").count == 6)
        }
    }

    @Test func `no claim happens after the reply to a pause, running jobs finish, counts stay right`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<5).map { _ in job() })
            let running = try #require(try await harness.claim(from: queue).first)
            try await queue.pause(reason: "maintenance", by: "ops")
            let reply = try await queue.claim(ClaimRequest(worker: "p", number: 1, upTo: 5))
            #expect(reply.status == .paused)
            #expect(reply.jobs.isEmpty)
            #expect(try await queue.settle(running, .completed(output: nil)) == .settled(.completed))
            let status = try #require(try await queue.status())
            #expect(status.paused?.reason == "maintenance")
            #expect(status.paused?.by == "ops")
            #expect(status.jobs[.queued] == 4)
            #expect(status.completedEver == 1)
            try await queue.resume()
            #expect(try await harness.claim(5, from: queue).count == 4)
        }
    }

    @Test func `a job is claimed when it falls due and not before`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let later = job(delay: .seconds(3600))
            _ = try await queue.enqueue(later)
            let early = try await queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 1))
            #expect(early.jobs.isEmpty)
            #expect(try #require(early.nextDue) <= .seconds(3600))
            try await harness.setClock(.milliseconds(3_600_001))
            #expect(try await harness.claim(from: queue).map(\.id) == [later.id])
        }
    }

    @Test func `a lost reply is replayed and costs nothing`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<4).map { _ in job() })
            let request = ClaimRequest(worker: "w", number: 1, upTo: 3)
            let first = try await queue.claim(request)
            let again = try await queue.claim(request)
            #expect(again.jobs.map(\.token) == first.jobs.map(\.token))
            #expect(again.jobs.map(\.id) == first.jobs.map(\.id))
            _ = try await queue.settle(first.jobs[0], .completed(output: nil))
            #expect(try await queue.claim(request).jobs.map(\.id) == first.jobs.dropFirst().map(\.id))
            #expect(try await queue.job(first.jobs[1].id)?.claims == 1)
            #expect(try await queue.claim(ClaimRequest(worker: "w", number: 2, upTo: 3)).jobs.count == 1)
            #expect(try await queue.claim(request).status == .stale)
        }
    }

    @Test func `a replayed empty claim stays empty`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let request = ClaimRequest(worker: "w", number: 1, upTo: 3)
            #expect(try await queue.claim(request).jobs.isEmpty)
            _ = try await queue.enqueue(job())
            #expect(try await queue.claim(request).jobs.isEmpty)
            #expect(try await harness.claim(from: queue).count == 1)
        }
    }

    @Test func `a job with broken fields fails alone`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<5).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            // Two fields, like a fresh job, but not its two.
            try await harness.command("HDEL", harness.key("job:\(jobs[4].id)"), "p")
            try await harness.command("HSET", harness.key("job:\(jobs[4].id)"), "y", "tag")
            try await harness.command("HDEL", harness.key("job:\(jobs[0].id)"), "t")
            try await harness.command("HSET", harness.key("job:\(jobs[1].id)"), "r", "nan")
            try await harness.command("DEL", harness.key("job:\(jobs[2].id)"))
            #expect(try await harness.claim(5, from: queue).map(\.id) == [jobs[3].id])
            #expect(try await queue.job(jobs[0].id)?.error == "corrupt")
            #expect(try await queue.job(jobs[4].id)?.error == "corrupt")
            #expect(try await queue.state(jobs[1].id) == .failed)
            #expect(try await queue.status()?.repairedEver == 4)
        }
    }

    @Test func `an entry that stands in two indexes is not claimed`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let held = job()
            _ = try await queue.enqueue(held)
            _ = try await queue.control(.pause, held.id)
            try await harness.command("ZADD", harness.key("queued"), "1", held.id.description)
            #expect(try await harness.claim(5, from: queue).isEmpty)
            #expect(try await queue.state(held.id) == .paused)
        }
    }

    @Test(.needsCleanLine("a wake token is a hint: it is gone with the reply that a fault takes away"))
    func `idle workers are woken by tokens, at most 64 of them`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue((0..<100).map { _ in job() })
            #expect(try await harness.command("LLEN", harness.key("wake")).int == 64)
            #expect(try await queue.waitForWork(atMost: .seconds(5)))
            _ = try await harness.claim(128, from: queue)
            #expect(
                try await harness.command("LLEN", harness.key("wake")).int == 0, "an emptied line takes its tokens back"
            )
            #expect(try await queue.waitForWork(atMost: .milliseconds(20)) == false)
        }
    }

    @Test(.needsCleanLine("a wake token is a hint: it is gone with the reply that a fault takes away"))
    func `every freed slot wakes a worker`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.configure(QueueSettingsChange(limit: 1))
            _ = try await queue.enqueue([job(), job()])
            let held = try #require(try await harness.claim(from: queue).first)
            _ = try await harness.claim(from: queue)
            #expect(try await harness.command("LLEN", harness.key("wake")).int == 0)
            _ = try await queue.settle(held, .completed(output: nil))
            #expect(try await queue.waitForWork(atMost: .seconds(5)))
            try await queue.pause()
            try await queue.resume()
            #expect(try await queue.waitForWork(atMost: .seconds(5)))
        }
    }
}

extension Queue {
    /// The ids of all queued jobs in the order of their index.
    func order() async throws -> [JobID] {
        var ids: [JobID] = []
        var cursor: JobCursor?
        repeat {
            let page = try await list(states: [.queued], after: cursor, limit: 200)
            ids += page.jobs.map(\.id)
            cursor = page.next
        } while cursor != nil
        return ids
    }
}
