// How a worker ends: what runs may finish, what does not finish is given back, and `run()` always returns.

import Foundation
import Martlet
import ServiceLifecycle
import TestSupport
import Testing

@Suite struct ShutdownTests {
    /// Runs a worker in a service group, shuts it down gracefully after `body`, and waits until it has returned.
    private func serving(_ worker: Worker, body: @concurrent @Sendable () async throws -> Void) async throws {
        let group = ServiceGroup(services: [worker], logger: silence)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await body()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func `a graceful shutdown lets running jobs finish and claims no more`() async throws {
        try await withStore { harness in
            let (gate, runLog) = (Gate(), RunLog())
            let worker = worker(harness, slots: 2) {
                On(Note.self) { job, context in
                    runLog.add("start \(job.number)")
                    try await gate.pass()
                    runLog.add("end \(job.number) \(context.stopReason?.rawValue ?? "-")")
                }
            }
            let refs = try await harness.queue().enqueue(contentsOf: (0..<4).map { Note(number: $0) })
            try await serving(worker) {
                try await eventually("two run") { runLog.count == 2 }
                Task {
                    // Opened only after the shutdown has begun.
                    try await eventually("it stops") {
                        let cards = try await harness.queue().workers().map { String(decoding: $0.info, as: UTF8.self) }
                        return cards.contains { $0.contains("\"state\":\"stopping\"") }
                    }
                    gate.open()
                }
            }
            #expect(Set(runLog.all) == ["start 0", "start 1", "end 0 -", "end 1 -"])
            let states = try await harness.queue().jobs(refs.map(\.id)).map { $0?.state }
            #expect(states == [.completed, .completed, .queued, .queued])
        }
    }

    @Test func `after the grace period jobs are cancelled and released to their position without a charge`()
        async throws
    {
        try await withStore { harness in
            let runLog = RunLog()
            var configuration = WorkerConfiguration.quick
            configuration.grace = .milliseconds(50)
            let worker = worker(harness, slots: 1, configuration) {
                On(Note.self) { _, context in
                    runLog.add("start")
                    do { try await Task.sleep(for: .seconds(60)) } catch {
                        runLog.add(context.stopReason?.rawValue ?? "none")
                        try await context.save(["saved": 1])
                        throw error
                    }
                }
            }
            let refs = try await harness.queue().enqueue(contentsOf: [Note(number: 0), Note(number: 1)])
            try await serving(worker) { try await eventually("it runs") { runLog.count == 1 } }
            #expect(runLog.all == ["start", "shutdown"])
            let job = try #require(try await harness.queue().job(refs[0].id))
            #expect(job.state == .queued)
            #expect(job.failures == 0 && job.lost == 0)
            #expect(job.checkpoint != nil, "it could still save where it stopped")
            let next = try await harness.claim(2, from: harness.queue()).map(\.id)
            #expect(next == refs.map(\.id), "its place is the old one")
        }
    }

    @Test func `a worker's last log line counts the jobs released at its stop, and no earlier ones`()
        async throws
    {
        try await withStore { harness in
            let (runLog, lines) = (RunLog(), RunLog())
            var configuration = WorkerConfiguration.quick
            configuration.grace = .milliseconds(50)
            let worker = worker(harness, slots: 3, configuration, logger: lines.logger()) {
                On(Note.self) { job, context in
                    runLog.add("start \(job.number)")
                    // Released once before the stop, which is not the stop's doing.
                    if job.number == 0, context.claims == 1 { throw JobOutcome.release() }
                    if job.number < 2 { try await Task.sleep(for: .seconds(600)) }
                }
            }
            _ = try await harness.queue().enqueue(contentsOf: (0..<3).map { Note(number: $0) })
            try await serving(worker) {
                try await eventually("two run, one of them again, and the third has ended") {
                    let isDone = try await harness.queue().status()?.jobs[.completed] == 1
                    return isDone && runLog.count(of: "start 0") == 2 && runLog.count(of: "start 1") == 1
                }
            }
            let last = try #require(lines.all.last { $0.contains("released_jobs") }, "\(lines.all)")
            #expect(last.contains("\"released_jobs\":2") && last.contains("\"abandoned_handlers\":0"), "\(last)")
        }
    }

    @Test func `a cancelled run releases at once and still settles`() async throws {
        try await withStore { harness in
            let runLog = RunLog()
            let worker = worker(harness) {
                On(Note.self) { _, _ in
                    runLog.add("start")
                    try await Task.sleep(for: .seconds(60))
                }
            }
            let id = try await harness.queue().enqueue(Note()).id
            try await running(worker) { try await eventually("it runs") { runLog.count == 1 } }
            let job = try #require(try await harness.queue().job(id))
            #expect(job.state == .queued)
            #expect(job.failures == 0 && job.lost == 0)
        }
    }

    @Test(.needsCleanLine("the last word of an idle worker is said once and may be lost"))
    func `an idle worker ends whenever it is told to, many times over`() async throws {
        try await withStore { harness in
            for round in 0..<100 {
                let idle = Worker(harness.far, queues: ["a": 1, "b": 1], configuration: .quick, logger: silence) {
                    On(Note.self) { _, _ in }
                }
                try await running(idle) {
                    for _ in 0..<(round % 10) { await Task.yield() }
                }
            }
            let cards = try await harness.store.queue(.init("a") ?? .default).workers()
            #expect(cards.count == 100)
            #expect(cards.allSatisfy { String(decoding: $0.info, as: UTF8.self).contains("\"state\":\"stopped\"") })
        }
    }

    @Test(.needsCleanLine("its worker has less time to end than a lost reply costs"))
    func `a handler that ignores its cancellation does not keep run() from returning`() async throws {
        try await withStore { harness in
            let (runLog, gate) = (RunLog(), Gate())
            var configuration = WorkerConfiguration.quick
            configuration.cancellationGrace = .milliseconds(50)
            let stubborn = worker(harness, configuration) {
                On(Note.self) { _, _ in
                    runLog.add("start")
                    await Task.detached { try? await gate.pass() }.value
                }
            }
            let id = try await harness.queue().enqueue(Note()).id
            try await running(stubborn) { try await eventually("it runs") { runLog.count == 1 } }
            #expect(try await harness.queue().job(id)?.state == .active, "it is left to the lease")
            gate.open()
            // Whoever sweeps takes it back; it is run again elsewhere.
            try await harness.endLeases()
            try await running(worker(harness) { On(Note.self) { _, _ in runLog.add("again") } }) {
                let job = try await harness.waitFor(id, .completed)
                #expect(job.claims == 2)
            }
        }
    }

    @Test func `an invalid worker configuration is reported before the first claim`() async throws {
        try await withStore { harness in
            let twice = worker(harness) {
                On(Note.self) { _, _ in }
                NoteHandler()
            }
            await #expect {
                try await twice.run()
            } throws: { error in
                let text = "\(error)"
                return text.contains("On(Note.self) at MartletWorkerTests/ShutdownTests.swift:")
                    && text.contains("NoteHandler") && text.contains("\"note\"")
            }
            let handlers = Handlers { NoteHandler() }
            func run(_ queues: [String: Int], _ handlers: Handlers = handlers) async throws {
                try await Worker(harness.far, queues: queues) { handlers }.run()
            }
            await #expect(throws: WorkerError.noQueues) { try await run([:]) }
            await #expect(throws: WorkerError.badQueueName("Bad")) { try await run(["Bad": 1]) }
            await #expect(throws: WorkerError.badSlots(queue: "q", 0)) { try await run(["q": 0]) }
            await #expect(throws: WorkerError.noHandlers) { try await run(["q": 1], Handlers {}) }
            await #expect(throws: WorkerError.badTypeName("", handler: "NamelessHandler")) {
                try await run(["q": 1], Handlers { NamelessHandler() })
            }
            let names = try await harness.store.queueNames()
            #expect(names.isEmpty)
            for error: WorkerError in [.noQueues, .badQueueName("B"), .badSlots(queue: "q", 0), .noHandlers] {
                #expect(!error.description.isEmpty)
            }
        }
    }
}

private struct NoteHandler: JobHandler {
    func run(_ job: Note, context: JobContext) async throws -> Empty { Empty() }
}

private struct Nameless: Job {
    static let name = ""
}

private struct NamelessHandler: JobHandler {
    func run(_ job: Nameless, context: JobContext) async throws -> Empty { Empty() }
}
