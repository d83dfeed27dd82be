// Where handlers run: the worker's pool of threads, and the thread of the connection for those who ask for it.

import Martlet
import Synchronization
import TestSupport
import Testing

@testable import MartletWorker

/// Counts who is inside at once.
private final class Counter: Sendable {
    private let state = Mutex((now: 0, most: 0, all: 0))

    var most: Int { state.withLock { $0.most } }
    var all: Int { state.withLock { $0.all } }

    func enter() {
        state.withLock { state in
            state.now += 1
            state.all += 1
            state.most = max(state.most, state.now)
        }
    }

    func leave() { state.withLock { $0.now -= 1 } }
}

@Suite struct PlaceTests {
    @Test func `the pool runs at most as many tasks at once as it has threads, and all of them`() async {
        let pool = HandlerPool(width: 2)
        let counter = Counter()
        let tasks = (0..<200).map { number in
            Task(executorPreference: pool) {
                for _ in 0..<3 {
                    counter.enter()
                    if number % 20 == 0 { spin(for: .milliseconds(1)) }
                    counter.leave()
                    await Task.yield()
                }
            }
        }
        for task in tasks { await task.value }
        #expect(counter.all == 600)
        #expect(counter.most <= 2)
    }

    @Test func `a task that computes for long delays no other while a thread is free`() async {
        let pool = HandlerPool(width: 2)
        let runLog = RunLog()
        let tasks = pool.gather {
            let waits = Task(executorPreference: pool) {
                let end = ContinuousClock.now + .seconds(30)
                while runLog.count == 0, ContinuousClock.now < end {}
                return runLog.count == 1
            }
            let runs = Task(executorPreference: pool) {
                runLog.add("ran")
                return true
            }
            return [waits, runs]
        }
        for task in tasks { #expect(await task.value) }
    }

    @Test func `gathered tasks start when the batch is complete`() async {
        let pool = HandlerPool(width: 2)
        let counter = Counter()
        let (tasks, early) = pool.gather {
            let tasks = (0..<10).map { _ in Task(executorPreference: pool) { counter.enter() } }
            spin(for: .milliseconds(20))
            return (tasks, counter.all)
        }
        #expect(early == 0)
        for task in tasks { await task.value }
        #expect(counter.all == 10)
    }

    @Test func `a handler runs on the thread of the connection only when it asks for it, also after it awaited`()
        async throws
    {
        try await withStore { harness in
            let home = await Task(executorPreference: harness.far.executor) { thisThread() }.value
            let (loop, pool) = (RunLog(), RunLog())
            let worker = worker(harness) {
                On(Note.self, runsOn: .loop) { _, context in
                    loop.add(thisThread())
                    try await context.save("half")
                    await Task.yield()
                    loop.add(thisThread())
                }
                On(Square.self) { job, _ in
                    pool.add(thisThread())
                    await Task.yield()
                    pool.add(thisThread())
                    return job.side
                }
                OnRaw("raw", runsOn: .loop) { payload, _ in
                    loop.add(thisThread())
                    #expect(payload == [0, 255, 1])
                }
            }
            try await running(worker) {
                let queue = harness.queue()
                let note = try await queue.enqueue(Note())
                let square = try await queue.enqueue(Square(side: 3))
                let raw = NewJob(type: "raw", payload: [0, 255, 1])
                _ = try await queue.enqueue(raw)
                #expect(try await note.result(within: .seconds(30)) == Empty())
                #expect(try await square.result(within: .seconds(30)) == 3)
                try await harness.waitFor(raw.id, .completed)
            }
            #expect(loop.all == ["\(home)", "\(home)", "\(home)"])
            #expect(pool.count == 2 && pool.count(of: "\(home)") == 0)
        }
    }

    @Test func `jobs of a raw handler that throws are retried like others`() async throws {
        try await withStore { harness in
            struct Boom: Error {}
            let raw = NewJob(type: "raw", payload: [], maxRetries: 0)
            _ = try await harness.queue().enqueue(raw)
            try await running(worker(harness) { OnRaw("raw") { _, _ in throw Boom() } }) {
                let job = try await harness.waitFor(raw.id, .failed)
                #expect(job.error?.contains("Boom") == true)
            }
        }
    }
}
