// What grows is bounded: the queues that a process knows, the pushes that wait, the workers that are listed.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct BoundTests {
    @Test func `reading queues by any name keeps a bounded number of them, and those with pushes`() async throws {
        try await withStore { harness in
            let queue = harness.queue("pushed")
            _ = try await queue.enqueue(job())
            for number in 0..<(3 * KnownQueues.bound) { _ = harness.queue("read-\(number)") }
            #expect(harness.store.knownCalls.count <= KnownQueues.bound)
            #expect(harness.store.acknowledgedPushes()["pushed"] == 1)
            _ = try await queue.enqueue(job())
            #expect(harness.store.acknowledgedPushes()["pushed"] == 2)
        }
    }

    @Test func `one task is inside at a time, in order of arrival`() async throws {
        let gate = AsyncSemaphore(bytes: 100)
        try await gate.acquire(holding: 1, within: .seconds(30))
        let order = Order()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<3 {
                group.addTask {
                    try await gate.acquire(holding: 1, within: .seconds(30))
                    await order.append(number)
                    gate.release()
                }
                try await eventually("\(number) waits") { gate.waitingCount == number + 1 }
            }
            gate.release()
            try await group.waitForAll()
        }
        #expect(await order.numbers == [0, 1, 2])
    }

    @Test func `a wait ends when its task is cancelled, and the others keep their permits`() async throws {
        let gate = AsyncSemaphore(bytes: 100)
        try await gate.acquire(holding: 1, within: .seconds(30))
        let first = Task { try await gate.acquire(holding: 1, within: .seconds(30)) }
        try await eventually("the first waits") { gate.waitingCount == 1 }
        let second = Task { try await gate.acquire(holding: 1, within: .seconds(30)) }
        try await eventually("the second waits") { gate.waitingCount == 2 }
        first.cancel()
        await #expect(throws: AsyncSemaphore.Refusal.cancelled) { try await first.value }
        #expect(gate.waitingCount == 1)
        gate.release()
        try await second.value
        gate.release()
        let timedOut = Task {
            try await gate.acquire(holding: 1, within: .seconds(30))
            gate.release()
        }
        try await timedOut.value
    }

    @Test func `a task that is cancelled before it waits does not wait`() async throws {
        let gate = AsyncSemaphore(bytes: 100)
        try await gate.acquire(holding: 1, within: .seconds(30))
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await gate.acquire(holding: 1, within: .seconds(30))
        }
        await #expect(throws: AsyncSemaphore.Refusal.cancelled) { try await task.value }
        #expect(gate.waitingCount == 0)
        gate.release()
    }

    @Test func `waiting tasks hold a limited number of bytes, and one may always wait`() async throws {
        let gate = AsyncSemaphore(bytes: 10)
        try await gate.acquire(holding: 1000, within: .seconds(30))
        let large = Task { try await gate.acquire(holding: 1000, within: .seconds(30)) }
        try await eventually("the large one waits") { gate.waitingCount == 1 }
        await #expect(throws: AsyncSemaphore.Refusal.full) { try await gate.acquire(holding: 1, within: .seconds(30)) }
        gate.release()
        try await large.value
        // One after the other, since they are let in by the order of their arrival.
        let first = Task { try await gate.acquire(holding: 5, within: .seconds(30)) }
        try await eventually("the first waits") { gate.waitingCount == 1 }
        let second = Task { try await gate.acquire(holding: 5, within: .seconds(30)) }
        try await eventually("both wait") { gate.waitingCount == 2 }
        let small = [first, second]
        await #expect(throws: AsyncSemaphore.Refusal.full) { try await gate.acquire(holding: 1, within: .seconds(30)) }
        for task in small {
            gate.release()
            try await task.value
            if task == small.last { gate.release() }
        }
    }

    @Test func `an atomic push that finds too many waiting is refused as busy`() async throws {
        try await withStore { harness in
            let gate = harness.store.atomicPushes
            try await gate.acquire(holding: 0, within: .seconds(30))
            let waiting = Task { try await gate.acquire(holding: 1 << 30, within: .seconds(30)) }
            try await eventually("it waits") { gate.waitingCount == 1 }
            await #expect { try await harness.queue().enqueueAtomically([job()]) } throws: {
                ($0 as? QueueError)?.kind == .notExecuted(.busy)
            }
            gate.release()
            try await waiting.value
            gate.release()
            #expect(try await harness.queue().enqueueAtomically([job()]) == .accepted([.created(.queued)]))
        }
    }

    @Test func `workers are read page by page, up to a limit`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            for number in 0..<700 { _ = try await queue.heartbeat(worker: "w\(1000 + number)", info: #"{"a":1}"#, []) }
            _ = try await harness.claim(from: queue, worker: "silent")
            _ = try await queue.sweep()
            let all = try await queue.workers()
            #expect(all.count == 700)
            #expect(all.first?.worker == "w1000" && all.last?.worker == "w1699")
            #expect(try await queue.workers(atMost: 10).count == 10)
        }
    }
}

private actor Order {
    var numbers: [Int] = []

    func append(_ number: Int) { numbers.append(number) }
}
