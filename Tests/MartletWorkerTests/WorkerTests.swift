// Workers on a real Redis: order, results, limits, directives, what the list of workers shows.

import Foundation
import Martlet
import MartletRedis
import Synchronization
import TestSupport
import Testing

@Suite struct WorkerTests {
    @Test func `jobs run by priority, and first in, first out within one`() async throws {
        try await withStore { harness in
            let runLog = RunLog()
            let pushed = (0..<60).map { (number: $0, priority: [0, 5, -3, 5, 100][$0 % 5]) }
            for job in pushed { try await harness.queue().enqueue(Note(number: job.number), priority: job.priority) }
            let expected = pushed.sorted { ($1.priority, $0.number) < ($0.priority, $1.number) }.map { "\($0.number)" }
            try await running(
                worker(harness, slots: 1) { On(Note.self) { job, _ in runLog.add(job.number) } }
            ) {
                // Behind lost replies it takes a while.
                try await eventually(within: .seconds(40), "all have run") { runLog.count == 60 }
            }
            #expect(runLog.all == expected)
        }
    }

    @Test func `a producer gets what the handler returned`() async throws {
        try await withStore { harness in
            try await running(
                worker(harness) {
                    On(Square.self) { job, _ in job.side * job.side }
                    On(Note.self) { _, _ in }
                }
            ) {
                let refs = try await harness.queue().enqueue(contentsOf: (1...20).map { Square(side: $0) })
                for (side, ref) in zip(1..., refs) {
                    #expect(try await ref.result(within: .seconds(30)) == side * side)
                }
                let note = try await harness.queue().enqueue(Note())
                #expect(try await note.result(within: .seconds(30)) == Empty())
                #expect(try await note.record()?.output == nil, "nothing is stored for a job that returns nothing")
            }
        }
    }

    /// A cloned container, say.
    @Test func `two workers of one process have different ids, and the end of one releases nothing of the other`()
        async throws
    {
        try await withStore { harness in
            let (queue, gate, runLog) = (harness.queue(), Gate(), RunLog())
            let twin = worker(harness, slots: 1) {
                On(Note.self) { job, _ in
                    runLog.add("began \(job.number)")
                    if job.number == 0 { try await gate.pass() }
                }
            }
            try await running(twin) {
                let held = try await queue.enqueue(Note(number: 0)).id
                try await eventually("the first one runs it") { runLog.count == 1 }
                let before = try #require(try await queue.job(held))
                try await running(twin) {
                    let other = try await queue.enqueue(Note(number: 1)).id
                    try await harness.waitFor(other, .completed)
                    try await eventually("both are known") { try await queue.workers().count == 2 }
                }
                let after = try #require(try await queue.job(held))
                #expect(after.state == .active && after.claims == before.claims && after.lost == 0)
                gate.open()
                #expect(try await harness.waitFor(held, .completed).claims == 1)
                #expect(runLog.count(of: "began 0") == 1)
            }
        }
    }

    @Test func `with the limit 3, two workers of 10 slots never run more than 3 of 100 jobs at once`() async throws {
        try await withStore { harness in
            try await harness.queue().create()
            try await harness.queue().configure(QueueSettingsChange(limit: 3))
            let counters = Counters()
            func context() -> Worker {
                worker(harness, slots: 10) {
                    On(Note.self) { _, _ in
                        counters.enter()
                        // The first ones wait until the limit is used, however slow the machine starts them.
                        repeat { try await Task.sleep(for: .milliseconds(5)) } while counters.most < 3
                        counters.leave()
                    }
                }
            }
            try await harness.queue().enqueue(contentsOf: (0..<100).map { Note(number: $0) })
            try await running(context(), context()) {
                try await eventually("all are done") {
                    counters.observed(try await harness.command("ZCARD", harness.key("active")).int ?? 0)
                    return counters.left == 100
                }
            }
            #expect(counters.seen <= 3, "as an outside observer sees it")
            #expect(counters.most <= 3)
            #expect(counters.most == 3, "the limit was used")
        }
    }

    @Test func `raising the limit to 6 takes effect at once, lowering it stops no job`() async throws {
        try await withStore { harness in
            try await harness.queue().create()
            try await harness.queue().configure(QueueSettingsChange(limit: 3))
            let gate = Gate()
            try await harness.queue().enqueue(contentsOf: (0..<12).map { Note(number: $0) })
            @Sendable func active() async throws -> Int { try await harness.queue().status()?.jobs[.active] ?? 0 }
            // So long that only being told of the change makes the worker claim.
            var configuration = WorkerConfiguration()
            configuration.pollInterval = .seconds(600)
            try await running(
                worker(harness, slots: 10, configuration) { On(Note.self) { _, _ in try await gate.pass() } }
            ) {
                try await eventually("three run") { try await active() == 3 }
                try await harness.queue().configure(QueueSettingsChange(limit: 6))
                try await eventually("six run") { try await active() == 6 }
                try await harness.queue().configure(QueueSettingsChange(limit: 1))
                #expect(try await active() == 6)
                gate.open()
                try await eventually("all are done") { try await harness.queue().status()?.jobs[.completed] == 12 }
            }
        }
    }

    @Test func `a pause and a cancel reach a running handler soon and cost no retry`() async throws {
        try await withStore { harness in
            let runLog = RunLog()
            try await running(
                worker(harness, WorkerConfiguration()) {
                    On(Note.self) { _, context in
                        runLog.add("start")
                        while true {
                            do { try await Task.sleep(for: .milliseconds(5)) } catch {
                                runLog.add(context.stopReason?.rawValue ?? "unknown")
                                throw error
                            }
                        }
                    }
                }
            ) {
                let queue = harness.queue()
                let id = try await queue.enqueue(Note()).id
                try await eventually("it runs") { runLog.count(of: "start") == 1 }
                #expect(try await queue.control(.pause, id) == .asked)
                let paused = try await harness.waitFor(id, .paused)
                #expect(paused.failures == 0 && paused.lost == 0, "asked, not taken back at the end of its lease")
                #expect(try await queue.control(.resume, id) == .done(.queued))
                try await eventually("it runs again") { runLog.count(of: "start") == 2 }
                #expect(try await queue.control(.cancel, id) == .asked)
                let cancelled = try await harness.waitFor(id, .cancelled)
                #expect(cancelled.failures == 0 && cancelled.lost == 0)
                #expect(cancelled.claims == 2)
            }
            #expect(runLog.all == ["start", "pause", "start", "cancel"])
        }
    }

    @Test func `a job whose handler returns after a cancel was asked is completed`() async throws {
        try await withStore { harness in
            let (gate, runLog) = (Gate(), RunLog())
            try await running(
                worker(harness) {
                    On(Note.self) { _, _ in
                        runLog.add("start")
                        _ = await Task { try? await gate.pass() }.value
                    }
                }
            ) {
                let id = try await harness.queue().enqueue(Note()).id
                // An active job whose handler has not begun would be given back.
                try await eventually("it runs") { runLog.count == 1 }
                #expect(try await harness.queue().control(.cancel, id) == .asked)
                gate.open()
                try await harness.waitFor(id, .completed)
            }
        }
    }

    @Test func `a pause of the queue stops claims, and running jobs continue`() async throws {
        try await withStore { harness in
            let (gate, runLog) = (Gate(), RunLog())
            try await running(
                worker(harness) {
                    On(Note.self) { job, _ in
                        runLog.add("start \(job.number)")
                        if job.number == 0 { try await gate.pass() }
                    }
                }
            ) {
                let first = try await harness.queue().enqueue(Note(number: 0)).id
                try await harness.waitFor(first, .active)
                try await harness.queue().pause()
                let second = try await harness.queue().enqueue(Note(number: 1)).id
                gate.open()
                try await harness.waitFor(first, .completed)
                #expect(try await harness.queue().job(second)?.state == .queued)
                try await harness.queue().resume()
                try await harness.waitFor(second, .completed)
                #expect(runLog.all == ["start 0", "start 1"])
            }
        }
    }

    @Test func `an idle worker is listed, a busy one with its jobs, a stopped one as stopped`() async throws {
        try await withStore { harness in
            let gate = Gate()
            @Sendable func card() async throws -> Card? {
                let report = try await harness.queue().workers().first
                return try report.map { try JSONDecoder().decode(Card.self, from: Data($0.info)) }
            }
            var configuration = WorkerConfiguration.quick
            configuration.heartbeatInterval = .milliseconds(30)
            configuration.version = "1.2.3"
            try await running(
                worker(harness, slots: 5, configuration) { On(Note.self) { _, _ in try await gate.pass() } }
            ) {
                try await eventually("it is listed") { try await card()?.busy == 0 }
                let idle = try #require(try await card())
                #expect(idle.slots == 5)
                #expect(idle.queues == ["q"])
                #expect(idle.version == "1.2.3")
                #expect(idle.pid == ProcessInfo.processInfo.processIdentifier)
                #expect(idle.started_at.hasSuffix("Z"))
                let ids = try await harness.queue().enqueue(contentsOf: [Note(), Note()]).map(\.id.description)
                try await eventually("its jobs are listed") { try await card()?.jobs.sorted() == ids.sorted() }
                gate.open()
            }
            #expect(try await card()?.state == "stopped")
        }
    }

    @Test func `a waiting worker takes a pushed job at once, without polling for it`() async throws {
        try await withStore { harness in
            var configuration = WorkerConfiguration()
            configuration.pollInterval = .seconds(60)
            try await running(worker(harness, configuration) { On(Square.self) { job, _ in job.side } }) {
                for side in 1...5 {
                    let ref = try await harness.queue().enqueue(Square(side: side))
                    #expect(try await ref.result(within: .seconds(30)) == side)
                }
                let late = try await harness.queue().enqueue(Square(side: 9), delay: .milliseconds(120))
                #expect(try await late.result(within: .seconds(30)) == 9)
            }
        }
    }

    private struct Card: Decodable {
        var host: String
        var pid: Int32
        var version: String
        var queues: [String]
        var state: String
        var slots: Int
        var busy: Int
        var jobs: [String]
        var started_at: String
    }
}

/// How many handlers run at once.
final class Counters: Sendable {
    private let state = Mutex((now: 0, most: 0, left: 0, seen: 0))

    var most: Int { state.withLock { $0.most } }
    var left: Int { state.withLock { $0.left } }
    var seen: Int { state.withLock { $0.seen } }

    func enter() {
        state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
        }
    }

    func leave() {
        state.withLock { state in
            state.now -= 1
            state.left += 1
        }
    }

    func observed(_ count: Int) { state.withLock { $0.seen = max($0.seen, count) } }
}
