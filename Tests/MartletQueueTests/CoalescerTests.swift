// Single pushes and look-ups of many tasks travel together, and each is judged by itself.

import MartletJobs
import MartletRedis
import Synchronization
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct CoalescerTests {
    @Test func `pushes of many tasks all arrive, in far fewer calls`() async throws {
        // Its calls are counted, so nobody else may use the server.
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("coalesced"))
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            try await queue.create()
            let before = try await harness.scriptCalls()
            let verdicts = try await pushAtOnce((0..<1000).map { _ in job() }, to: queue)
            #expect(verdicts.allSatisfy { $0 == .created(.queued) })
            #expect(try await queue.status()?.total == 1000)
            // Those of the look at the status among them.
            #expect(try await harness.scriptCalls() - before < 500)
        }
        await server.stop()
    }

    @Test func `an invalid push of a batch fails alone`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let verdicts = try await pushAtOnce((0..<50).map { job(priority: $0 == 7 ? 5000 : 0) }, to: queue)
            #expect(verdicts.count { $0 == .created(.queued) } == 49)
            #expect(verdicts[7] == .invalid("priority"))
        }
    }

    @Test func `look-ups of many tasks each return their own job`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<100).map { _ in job() }
            _ = try await queue.enqueue(jobs)
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for job in jobs { group.addTask { try await queue.job(job.id)?.id == job.id } }
                for try await isRight in group { #expect(isRight) }
            }
            let missing = try await queue.job(.generate())
            #expect(missing == nil)
        }
    }

    @Test func `an error is reported to each caller for its own job`() async throws {
        let coalescer = Coalescer<Int, Int>(limit: 10)
        await #expect(throws: QueueError.self) {
            try await coalescer.call(1) { _ throws(QueueError) in throw QueueError(.unknown, message: "lost") }
        }
        let answer = try await coalescer.call(2) { requests throws(QueueError) in requests.map { $0 * 2 } }
        #expect(answer == 4)
    }

    @Test func `while two batches are in flight the next one grows, up to the limit`() async throws {
        let coalescer = Coalescer<Int, Int>(limit: 4)
        let gate = Gate()
        let sizes = Mutex<[Int]>([])
        let send: Coalescer<Int, Int>.Send = { requests throws(QueueError) in
            sizes.withLock { $0.append(requests.count) }
            await gate.pass()
            return requests
        }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<2 { group.addTask { try await coalescer.call(number, by: send) } }
            try await eventually("the state is reached") { sizes.withLock { $0.count } == 2 }
            for number in 2..<12 { group.addTask { try await coalescer.call(number, by: send) } }
            try await eventually("the state is reached") { coalescer.waitingCount == 10 }
            gate.open()
            var answers: Set<Int> = []
            for try await answer in group { answers.insert(answer) }
            #expect(answers == Set(0..<12))
        }
        #expect(sizes.withLock { $0 }.sorted() == [1, 1, 2, 4, 4])
    }

    @Test func `a cancelled caller does not affect others`() async throws {
        let coalescer = Coalescer<Int, Int>(limit: 4)
        let gate = Gate()
        let sent = Mutex<[Int]>([])
        let send: Coalescer<Int, Int>.Send = { requests throws(QueueError) in
            await gate.pass()
            sent.withLock { $0 += requests }
            return requests
        }
        let first = (0..<2).map { number in Task { try await coalescer.call(number, by: send) } }
        try await eventually("the state is reached") { gate.waiting == 2 }
        let impatient = Task { try await coalescer.call(7, by: send) }
        let patient = Task { try await coalescer.call(8, by: send) }
        try await eventually("the state is reached") { coalescer.waitingCount == 2 }
        impatient.cancel()
        await #expect { _ = try await impatient.value } throws: {
            ($0 as? QueueError)?.kind == .notExecuted(.unavailable)
        }
        gate.open()
        let answer = try await patient.value
        #expect(answer == 8)
        for task in first { _ = try await task.value }
        #expect(!sent.withLock { $0 }.contains(7))
    }
}

@Suite struct GatheringTests {
    private let coalescer: Coalescer<Int, Int>
    private let gate = Gate()
    private let rounds = Rounds()
    private let sent = Sent()
    private let moments = Moments()

    init() {
        let moments = moments
        coalescer = Coalescer(limit: 100, executor: rounds) { moments.add($0) }
    }

    private var send: Coalescer<Int, Int>.Send {
        { [gate, sent] requests throws(QueueError) in
            sent.add(requests)
            await gate.pass()
            return requests
        }
    }

    /// Makes it known that callers come in crowds, and leaves one batch under way.
    private func crowd() async throws -> [Task<Int, any Error>] {
        let (coalescer, send) = (coalescer, send)
        let alone = (0..<2).map { number in Task { try await coalescer.call(number, by: send) } }
        try await eventually("the first have gone") { gate.waiting == 2 }
        let crowd = (2..<5).map { number in
            Task(executorPreference: rounds) { try await coalescer.call(number, by: send) }
        }
        try await eventually("the others have come") { rounds.count == 3 }
        rounds.run()
        gate.letPass(2)
        for task in alone { _ = try await task.value }
        try await eventually("the others go together") {
            rounds.run()
            return sent.all.map(\.count) == [1, 1, 3]
        }
        return crowd
    }

    /// Five callers whose executor has come to all of them once.
    private func callers() async throws -> [Task<Int, any Error>] {
        let (coalescer, send) = (coalescer, send)
        let tasks = (10..<15).map { number in
            Task(executorPreference: rounds) { try await coalescer.call(number, by: send) }
        }
        try await eventually("the callers have come") { rounds.count == 5 }
        rounds.run()
        return tasks
    }

    @Test func `among many callers, those of one executor round share a batch`() async throws {
        let first = try await crowd()
        let tasks = try await callers()
        #expect(coalescer.waitingCount == 4)
        try await eventually("the callers have gone") {
            rounds.run()
            return sent.all.count == 4
        }
        #expect(sent.all.last?.sorted() == Array(10..<15))
        gate.open()
        try await finish(first + tasks)
    }

    @Test func `a cancelled caller that collects a batch does not affect others`() async throws {
        let first = try await crowd()
        let tasks = try await callers()
        tasks[0].cancel()
        try await eventually("the others have gone") {
            rounds.run()
            return sent.all.count == 4
        }
        #expect(sent.all.last?.sorted() == Array(11..<15))
        gate.open()
        try await finish(first + tasks.dropFirst())
    }

    @Test func `a caller that collects on a busy executor delays others only briefly`() async throws {
        let (coalescer, send, busy) = (coalescer, send, Rounds())
        let first = try await crowd()
        let ahead = Task(executorPreference: busy) { try await coalescer.call(9, by: send) }
        try await eventually("it has come") { busy.count == 1 }
        busy.run()
        let tasks = try await callers()
        #expect(coalescer.waitingCount == 5)
        moments.pass()
        try await eventually("the others have gone") {
            rounds.run()
            return sent.all.count == 4
        }
        #expect(sent.all.last?.sorted() == Array(10..<15))
        gate.open()
        try await finish(first + tasks + [ahead], with: [rounds, busy])
    }

    private func finish(_ tasks: [Task<Int, any Error>]) async throws { try await finish(tasks, with: [rounds]) }

    private func finish(_ tasks: [Task<Int, any Error>], with executors: [Rounds]) async throws {
        let ended = Sent()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in tasks {
                group.addTask {
                    _ = await task.result
                    ended.add([])
                }
            }
            try await eventually("all are answered") {
                for executor in executors { executor.run() }
                return ended.all.count == tasks.count
            }
            try await group.waitForAll()
        }
    }
}

/// Calls what it was given when the moment has passed.
private final class Moments: Sendable {
    private let bodies = Mutex<[@Sendable () -> Void]>([])

    func add(_ body: @escaping @Sendable () -> Void) { bodies.withLock { $0.append(body) } }
    func pass() { for body in bodies.withLock({ exchange(&$0, with: []) }) { body() } }
}

/// What was sent, batch by batch.
private final class Sent: Sendable {
    private let batches = Mutex<[[Int]]>([])

    var all: [[Int]] { batches.withLock { $0 } }
    func add(_ batch: [Int]) { batches.withLock { $0.append(batch) } }
}

/// An executor that runs what waits when it is told to.
private final class Rounds: TaskExecutor {
    private let waiting = Mutex<[UnownedJob]>([])

    var count: Int { waiting.withLock { $0.count } }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        waiting.withLock { $0.append(job) }
    }

    func run() {
        for job in waiting.withLock({ exchange(&$0, with: []) }) {
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}

private func pushAtOnce(_ jobs: [NewJob], to queue: Queue) async throws -> [EnqueueVerdict] {
    try await withThrowingTaskGroup(of: (Int, EnqueueVerdict).self) { group in
        for (index, job) in jobs.enumerated() { group.addTask { (index, try await queue.enqueue(job)) } }
        var verdicts = [EnqueueVerdict](repeating: .conflict, count: jobs.count)
        for try await (index, verdict) in group { verdicts[index] = verdict }
        return verdicts
    }
}

extension QueueHarness {
    /// How many scripts the server has run by their digest.
    fileprivate func scriptCalls() async throws -> Int {
        let text = try #require(try await command("INFO", "commandstats").string)
        let line = try #require(
            text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("cmdstat_\(callCommand):") })
        return try #require(line.split { ":=,".contains($0) }.dropFirst(2).first.flatMap { Int($0) })
    }
}

/// Holds all who come until it is opened.
private final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiters: [CheckedContinuation<Void, Never>])>((false, []))

    var waiting: Int { state.withLock { $0.waiters.count } }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Lets those pass who came first; those who come later are held.
    func letPass(_ count: Int) {
        let first = state.withLock { state in
            defer { state.waiters.removeFirst(count) }
            return state.waiters.prefix(count)
        }
        for waiter in first { waiter.resume() }
    }

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
