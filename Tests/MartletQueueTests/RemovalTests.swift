// Draining and deleting queues, how many queues there may be, and what others see of it.

import FaultInjection
import MartletJobs
import MartletRedis
import Synchronization
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct RemovalTests {
    @Test func `an empty queue is deleted with all its keys, and the next push creates it anew`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            let claimed = try await harness.claim(from: queue)
            try await queue.configure(QueueSettingsChange(limit: 3, completed: Retention.none))
            _ = try await queue.settle(claimed.map(\.completion))
            _ = try await queue.heartbeat(worker: "w", info: #"{"a":1}"#, [])
            #expect(try await queue.delete() == .deleted(finished: 0))
            #expect(try await queue.status() == nil)
            #expect(try await harness.store.queueNames().isEmpty)
            let left = try await harness.command("KEYS", harness.prefix + ":{q}:*").array
            #expect(left?.isEmpty == true)
            #expect(try await queue.delete() == .missing)
            #expect(try await queue.enqueue(job()) == .created(.queued))
            #expect(try await queue.status()?.settings.limit == nil)
            #expect(try await harness.store.queueNames() == [queue.name])
        }
    }

    @Test func `an unfinished job prevents the deletion of its queue, a finished one unless requested`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = [job(), job(delay: .seconds(60)), job()]
            _ = try await queue.enqueue(jobs)
            _ = try await queue.control(.pause, jobs[2].id)
            #expect(try await queue.delete(finished: true) == .notEmpty(waiting: 3, running: 0, finished: 0))
            let claimed = try await harness.claim(from: queue)
            #expect(try await queue.drain() == DrainReport(cancelled: 2, waiting: 0, running: 1))
            #expect(try await queue.delete(finished: true) == .notEmpty(waiting: 0, running: 1, finished: 2))
            #expect(try await queue.jobs(jobs.map(\.id)).compactMap { $0?.state } == [.active, .cancelled, .cancelled])
            _ = try await queue.settle(claimed.map(\.completion))
            #expect(try await queue.delete() == .notEmpty(waiting: 0, running: 0, finished: 3))
            #expect(try await queue.delete(finished: true) == .deleted(finished: 3))
            #expect(try await harness.command("KEYS", harness.prefix + ":{q}:*").array?.isEmpty == true)
        }
    }

    @Test func `a drain and a deletion of thousands of jobs run in bounded steps`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueueAtomically((0..<1300).map { _ in job() })
            #expect(try await queue.drain() == DrainReport(cancelled: 1300, waiting: 0, running: 0))
            #expect(try await queue.status()?.cancelledEver == 1300)
            #expect(try await queue.delete(finished: true) == .deleted(finished: 1300))
        }
    }

    @Test func `what is drained is not there for ever: a queue that does not exist has nothing to drain`() async throws
    {
        try await withStore { harness in
            let report = try await harness.queue().drain()
            let names = try await harness.store.queueNames()
            #expect(report == nil && names.isEmpty)
        }
    }

    @Test func `pushes during a deletion are either kept or create the queue anew`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            for _ in 0..<30 {
                try await queue.create()
                async let deleted = queue.delete()
                let new = job()
                let verdict = try await queue.enqueue(new)
                _ = try await deleted
                #expect(verdict == .created(.queued))
                #expect(try await queue.state(new.id) == .queued, "an acknowledged job is there")
                #expect(try await harness.store.queueNames() == [queue.name], "its queue is registered")
                _ = try await queue.drain()
                _ = try await queue.delete(finished: true)
            }
        }
    }

    @Test func `no queue is created beyond the limit, and existing ones work`() async throws {
        try await withStore { harness in
            harness.store.limitQueues(to: 2)
            for name in ["a", "b"] { _ = try await harness.queue(name).enqueue(job()) }
            await #expect { try await harness.queue("c").enqueue(job()) } throws: {
                ($0 as? QueueError)?.kind == .refused(.tooManyQueues(2))
            }
            await #expect { try await harness.queue("c").enqueueAtomically([job()]) } throws: {
                ($0 as? QueueError)?.kind == .refused(.tooManyQueues(2))
            }
            #expect(try await harness.queue("a").enqueue(job()) == .created(.queued))
            _ = try await harness.queue("b").drain()
            #expect(try await harness.queue("b").delete(finished: true) == .deleted(finished: 1))
            #expect(try await harness.queue("c").enqueue(job()) == .created(.queued))
            #expect(try await harness.store.queueNames().map(\.description) == ["a", "c"])
        }
    }

    @Test func `a queue with data that is not registered is registered again`() async throws {
        try await withStore { harness in
            _ = try await harness.queue().enqueue(job())
            try await harness.command("SREM", harness.prefix + ":queues", "q")
            try await harness.store.repairGlobalPause()
            #expect(try await harness.store.queueNames().map(\.description) == ["q"])
        }
    }

    @Test func `a deleted queue is never reported as a loss`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            _ = try await queue.drain()
            async let marks = harness.store.marks()
            _ = try await queue.delete(finished: true)
            let during = try await marks.queues["q"]
            // Either with its data or not at all; never as a name without data.
            #expect(during == nil || during != .some(nil))
            #expect(try await harness.store.marks().queues.isEmpty)
        }
    }

    @Test func `a queue lost with the registry during a check does not count as deleted`()
        async throws
    {
        let proxy = try await FaultProxy.start(to: try await SharedRedis.server().socketPath)
        try await withStore(url: proxy.url, commandTimeout: .seconds(30)) { harness in
            _ = try await harness.queue().enqueue(job())
            let known = try await harness.store.marks()
            #expect(!known.epoch.isEmpty)
            let isBetween = Atomic(false)
            proxy.add(
                FaultRule(
                    // Time enough for a slow machine to delete all keys.
                    Fault(.delay, pause: .seconds(15)), to: .containing("deleted"),
                    when: {
                        isBetween.store(true, ordering: .relaxed)
                        return true
                    }))
            async let marks = harness.store.marks()
            try await eventually("the registry is read, its queues are not") { isBetween.load(ordering: .relaxed) }
            for key in try await harness.command("KEYS", harness.prefix + ":*").array ?? [] {
                try await harness.command("DEL", try #require(key.string))
            }
            #expect(try await marks.epoch.isEmpty)
        }
        await proxy.stop()
    }

    @Test func `only queues that were not swept recently are swept`() async throws {
        try await withStore { harness in
            for name in ["a", "b", "c"] { _ = try await harness.queue(name).enqueue(job()) }
            func due(_ pause: Duration) async throws -> [String] {
                try await harness.store.queuesToSweep(unsweptFor: pause).map(\.description)
            }
            #expect(try await due(.seconds(60)) == ["a", "b", "c"])
            _ = try await harness.queue("b").sweep()
            #expect(try await due(.seconds(60)) == ["a", "c"])
            #expect(try await due(.zero) == ["a", "b", "c"])
            try await harness.command("HSET", harness.key("meta", queue: "b"), "swept", "9999999999999999")
            #expect(try await due(.seconds(60)) == ["a", "b", "c"], "a clock that went back")
            try await harness.command("DEL", harness.key("meta", queue: "c"))
            try await harness.command("SET", harness.key("meta", queue: "c"), "no hash")
            #expect(try await due(.seconds(60)).contains("c"), "what cannot be asked is swept and says why")
            try await harness.command("DEL", harness.key("meta", queue: "c"))
            try await harness.command("SREM", harness.prefix + ":queues", "c")
            try await harness.command("DEL", harness.key("queued", queue: "c"))
        }
    }

    @Test func `a sweep of a queue that was deleted does not create it`() async throws {
        try await withStore { harness in
            let report = try await harness.queue().sweep()
            #expect(!report.more && report.promoted == 0)
            #expect(try await harness.store.queueNames().isEmpty)
        }
    }

    @Test func `a queue that fails does not prevent the pause of the others`() async throws {
        try await withStore { harness in
            for name in ["a", "b", "c"] { try await harness.queue(name).create() }
            try await harness.command("DEL", harness.key("meta", queue: "b"))
            try await harness.command("SET", harness.key("meta", queue: "b"), "no hash")
            await #expect { try await harness.store.pauseAll() } throws: { "\($0)".contains("queue b:") }
            for name in ["a", "c"] { #expect(try await harness.queue(name).status()?.isPaused == true) }
            await #expect { try await harness.store.repairGlobalPause() } throws: { "\($0)".contains("queue b:") }
            try await harness.command("DEL", harness.key("meta", queue: "b"))
        }
    }
}
