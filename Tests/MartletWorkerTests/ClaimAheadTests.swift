// Jobs that are claimed before a slot is free: when that happens, and that nobody waits for long because of it.

import Martlet
import MartletRedis
import Synchronization
import TestSupport
import Testing

@testable import MartletQueue
@testable import MartletWorker

/// Counts how many handlers run at once, and keeps the numbers of their jobs in the order in which they began.
private final class Runs: Sendable {
    private let state = Mutex((now: 0, most: 0, numbers: [Int]()))

    var most: Int { state.withLock { $0.most } }
    var numbers: [Int] { state.withLock { $0.numbers } }

    func begin(_ number: Int) {
        state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
            state.numbers.append(number)
        }
    }

    func end() { state.withLock { $0.now -= 1 } }
}

@Suite struct HandlerDurationEstimateTests {
    private func pace(_ times: [Duration]) -> HandlerDurationEstimate {
        var pace = HandlerDurationEstimate()
        for time in times { pace.note(time) }
        return pace
    }

    @Test func `a worker without samples claims nothing ahead`() {
        #expect(pace([]).ahead(slots: 10, within: .milliseconds(5)) == 0)
        #expect(pace([.microseconds(5)]).ahead(slots: 10, within: .milliseconds(5)) == 0)
    }

    @Test func `with short handlers it claims up to the maximum, with long ones as many as start in time`() {
        let short = pace(Array(repeating: .microseconds(5), count: 1000))
        #expect(short.ahead(slots: 10, within: .milliseconds(5)) == HandlerDurationEstimate.maximumClaimed - 10)
        #expect(short.ahead(slots: HandlerDurationEstimate.maximumClaimed, within: .milliseconds(5)) == 0)
        #expect(short.ahead(slots: 1000, within: .milliseconds(5)) == 0)
        let longer = pace(Array(repeating: .milliseconds(2), count: 1000))
        #expect(longer.ahead(slots: 10, within: .milliseconds(5)) == 24, "25 but for a rest of the slow beginning")
        let long = pace(Array(repeating: .milliseconds(200), count: 1000))
        #expect(long.ahead(slots: 10, within: .milliseconds(5)) == 0)
    }

    @Test func `one long handler among short ones stops claiming ahead for a while`() {
        var pace = pace(Array(repeating: .microseconds(5), count: 1000))
        pace.note(.seconds(10))
        #expect(pace.ahead(slots: 10, within: .milliseconds(5)) == 0)
        for _ in 0..<100 { pace.note(.microseconds(5)) }
        #expect(pace.ahead(slots: 10, within: .milliseconds(5)) == 0)
    }

    @Test func `jobs that waited too long stop it too, and a limit of zero disables it`() {
        var pace = pace(Array(repeating: .microseconds(5), count: 1000))
        #expect(pace.ahead(slots: 10, within: .zero) == 0)
        pace.stalled()
        #expect(pace.ahead(slots: 10, within: .milliseconds(5)) == 0)
    }
}

@Suite struct ClaimAheadTests {
    @Test func `no more jobs than slots run at once, in order, and few turns claim them`() async throws {
        try await withStore { harness in
            let (runs, count) = (Runs(), 3000)
            var configuration = WorkerConfiguration.quick
            // Long, so that a busy machine releases no job: it would be claimed again behind later jobs.
            configuration.claimAhead = .seconds(30)
            try await harness.queue().enqueue(contentsOf: (0..<count).map { Note(number: $0) })
            let one = worker(harness, slots: 1, configuration) {
                On(Note.self) { job, _ in
                    runs.begin(job.number)
                    runs.end()
                }
            }
            try await running(one) {
                try await eventually("all have run") { runs.numbers.count == count }
            }
            #expect(runs.most == 1)
            #expect(runs.numbers == Array(0..<count), "jobs of one priority run in the order of their pushes")
            let turns = try await harness.claims()
            #expect(turns < count / 3, "\(turns) claims for \(count) jobs")
        }
    }

    @Test func `jobs that wait behind a long handler are released to another worker`() async throws {
        try await withStore { harness in
            let (runs, gate, held) = (Runs(), Gate(), RunLog())
            let (short, long) = (3000, 400)
            let first = worker(harness, slots: 2) {
                On(Note.self) { job, _ in
                    runs.begin(job.number)
                    if job.number >= short {
                        held.add(job.number)
                        try await gate.pass()
                    }
                }
            }
            try await harness.queue().enqueue(contentsOf: (0..<short + long).map { Note(number: $0) })
            try await running(first) {
                try await eventually("both slots are held") { held.count == 2 }
                try await eventually("it holds no more than it runs") { try await harness.active() == 2 }
                // Short jobs that were released may still be in the queue.
                #expect(runs.numbers.count { $0 >= short } == 2)
                let second = worker(harness) { On(Note.self) { job, _ in runs.begin(job.number) } }
                try await running(second) {
                    try await eventually("another worker runs the rest") {
                        runs.numbers.count == short + long
                    }
                }
                #expect(Set(runs.numbers).count == short + long, "none was run twice")
                gate.open()
                try await eventually("all have ended") { try await harness.active() == 0 }
            }
        }
    }

    @Test func `a stopping worker releases jobs that have not started`() async throws {
        try await withStore { harness in
            let (runs, gate) = (Runs(), Gate())
            let (count, last) = (2000, 1000)
            var configuration = WorkerConfiguration.quick
            // So long that only the shutdown can be what gives them back.
            configuration.claimAhead = .seconds(30)
            try await harness.queue().enqueue(contentsOf: (0..<count).map { Note(number: $0) })
            let one = worker(harness, slots: 1, configuration) {
                On(Note.self) { job, _ in
                    runs.begin(job.number)
                    if job.number == last { try await gate.pass() }
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await one.run() }
                try await eventually("jobs were claimed ahead of the one that runs") {
                    try await harness.active() > 1 && runs.numbers.last == last
                }
                group.cancelAll()
                try await eventually("they are given back") { try await harness.active() <= 1 }
                gate.open()
                try await group.waitForAll()
            }
            #expect(runs.numbers.count == last + 1, "nothing was begun after the stop")
            let queued = try #require(try await harness.command("ZCARD", harness.key("queued")).int)
            #expect(try await harness.queue().status()?.completedEver == count - queued)
        }
    }
}

extension QueueHarness {
    /// How many claims all workers of the queue have made.
    fileprivate func claims() async throws -> Int {
        let last = try #require(try await command("HVALS", key("claims")).array).compactMap(\.string)
        return last.reduce(0) { $0 + (Int($1.prefix { $0 != " " }) ?? 0) }
    }

    fileprivate func active() async throws -> Int {
        try #require(try await command("ZCARD", key("active")).int)
    }
}
