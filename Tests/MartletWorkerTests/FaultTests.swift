// Faults between a worker and Redis: lost replies, frozen connections, a server that dies, handlers that hog the machine.

import Foundation
import Martlet
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct FaultTests {
    /// Runs a worker that reaches Redis through the proxy, while the test itself does not.
    private func runningBehind(
        _ proxy: FaultProxy, _ harness: QueueHarness, _ configuration: WorkerConfiguration, _ handlers: Handlers,
        slots: Int = 4, body: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let far = JobStore(redis: try RedisConfiguration(url: proxy.url), prefix: harness.prefix, logger: silence)
        let connection = Task { try await far.run() }
        defer { connection.cancel() }
        let worker = Worker(far, queues: ["q": slots], configuration: configuration, logger: silence) { handlers }
        try await running(worker, body: body)
    }

    @Test func `a claim whose reply is lost is replayed at once and costs the job nothing`() async throws {
        let server = try await SharedRedis.server()
        let proxy = try await FaultProxy.start(to: server.socketPath)
        let runLog = RunLog()
        try await withStore { harness in
            // It claims only when woken, so that the claim whose reply is lost is the one that brings the job.
            var configuration = WorkerConfiguration.quick
            configuration.pollInterval = .seconds(60)
            let handlers = Handlers { On(Note.self) { job, _ in runLog.add(job.number) } }
            try await runningBehind(proxy, harness, configuration, handlers) {
                _ = try await harness.queue().enqueue(Note(number: 0)).result(within: .seconds(30))
                proxy.loseReply(toRequestWith: ScriptTable.shipped[.turn].mark)
                let start = ContinuousClock.now
                let id = try await harness.queue().enqueue(Note(number: 1)).id
                let job = try await harness.waitFor(id, .completed)
                #expect(ContinuousClock.now - start < .seconds(20), "a replay, not the end of a lease of 30 s")
                #expect(proxy.lostReplies == 1)
                #expect(job.failures == 0 && job.lost == 0)
                #expect(job.claims == 1, "it was never claimed a second time")
                #expect(runLog.all == ["0", "1"])
            }
        }
        await proxy.stop()
    }

    @Test(arguments: [HandlerPlace.pool, .loop])
    func `under load two turns are in flight, and lost replies charge no job`(
        _ place: HandlerPlace
    ) async throws {
        let server = try await SharedRedis.server()
        let proxy = try await FaultProxy.start(to: server.socketPath)
        let runLog = RunLog()
        try await withStore { harness in
            let handlers = Handlers {
                On(Note.self, runsOn: place) { job, _ in
                    runLog.add(job.number)
                    if job.number % 7 == 0 { try await Task.sleep(for: .milliseconds(1)) }
                }
            }
            let refs = try await harness.queue().enqueue(contentsOf: (0..<3000).map { Note(number: $0) })
            try await runningBehind(proxy, harness, .quick, handlers, slots: 16) {
                for round in 1...4 {
                    proxy.loseReply(toRequestWith: ScriptTable.shipped[.turn].mark)
                    try await eventually("reply \(round) is lost") { proxy.lostReplies == round }
                }
                try await eventually("all are done") {
                    try await harness.queue().status()?.completedEver == 3000
                }
            }
            #expect(Set(runLog.all).count == 3000)
            #expect(runLog.count == 3000, "none ran twice")
            for ref in refs {
                let job = try #require(try await ref.record())
                // Behind handlers that a busy machine slows down, jobs that were claimed ahead are released and claimed again.
                #expect(job.lost == 0 && job.failures == 0, "claims: \(job.claims)")
            }
        }
        await proxy.stop()
    }

    @Test func `a settlement whose reply is lost is repeated and counts once`() async throws {
        let server = try await SharedRedis.server()
        let proxy = try await FaultProxy.start(to: server.socketPath)
        let runLog = RunLog()
        try await withStore { harness in
            let gate = Gate()
            let handlers = Handlers {
                On(Note.self) { job, _ in
                    runLog.add(job.number)
                    if job.number == 1 { try await gate.pass() }
                }
            }
            try await runningBehind(proxy, harness, .quick, handlers) {
                _ = try await harness.queue().enqueue(Note(number: 0)).result(within: .seconds(30))
                let id = try await harness.queue().enqueue(Note(number: 1)).id
                try await harness.waitFor(id, .active)
                proxy.loseReply(toRequestWith: ScriptTable.shipped[.turn].mark)
                gate.open()
                try await eventually("a reply is lost") { proxy.lostReplies == 1 }
                try await harness.waitFor(id, .completed)
                // A later job goes through the same slot, so the worker knows that the first is settled.
                _ = try await harness.queue().enqueue(Note(number: 2)).result(within: .seconds(30))
                #expect(try await harness.queue().status()?.completedEver == 3)
                #expect(runLog.all == ["0", "1", "2"])
            }
        }
        await proxy.stop()
    }

    @Test func `a worker cut off beyond its lease stops its handler, is fenced, and changes nothing`() async throws {
        let server = try await SharedRedis.server()
        let proxy = try await FaultProxy.start(to: server.socketPath)
        let (runLog, cut) = (RunLog(), RunLog())
        try await withStore { harness in
            try await harness.queue().create()
            try await harness.queue().configure(QueueSettingsChange(lease: .seconds(1)))
            let far = JobStore(redis: try RedisConfiguration(url: proxy.url), prefix: harness.prefix, logger: silence)
            let distant = Worker(far, queues: ["q": 1], configuration: .quick, logger: silence) {
                On(Square.self) { _, context in
                    runLog.add("far start")
                    do { try await Task.sleep(for: .seconds(60)) } catch {
                        runLog.add("far \(context.stopReason?.rawValue ?? "none")")
                        await #expect(throws: CheckpointError.leaseLost) { try await context.save("zombie") }
                        // Before it is cut off, its result could still be accepted.
                        if cut.count == 0 { throw error }
                    }
                    return 1
                }
            }
            let near = worker(harness) {
                On(Square.self) { _, _ in
                    runLog.add("near")
                    return 2
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await far.run() }
                let ref = try await harness.queue().enqueue(Square(side: 0))
                let cutOff = Task { try await distant.run() }
                // A slow machine may lose the lease by itself; then the job has already run more than once.
                try await eventually("it runs far away") { runLog.count(of: "far start") > 0 }
                proxy.freeze()
                cut.add("cut")
                try await running(near) {
                    #expect(try await ref.result(within: .seconds(30)) == 2)
                    try await eventually("the far handler was stopped") { runLog.count(of: "far leaseLost") > 0 }
                    let before = try await harness.command("HGETALL", harness.key("job:\(ref.id)"))
                    proxy.thaw()
                    // The far worker works again, and what it says of the old job is refused.
                    try await eventually("it is back") {
                        let cards = try await harness.queue().workers()
                        return cards.count == 2 && cards.allSatisfy { $0.sinceHeartbeat < .milliseconds(500) }
                    }
                    #expect(try await harness.command("HGETALL", harness.key("job:\(ref.id)")) == before)
                }
                cutOff.cancel()
                _ = await cutOff.result
                let job = try #require(try await ref.record())
                #expect(job.state == .completed && job.claims >= 2)
                #expect(try await harness.queue().status()?.completedEver == 1)
                group.cancelAll()
            }
            #expect(Set(runLog.all) == ["far start", "near", "far leaseLost"])
        }
        await proxy.stop()
    }

    @Test func `a job whose lease was lost is reported by the next heartbeat`() async throws {
        let server = try await SharedRedis.server()
        let proxy = try await FaultProxy.start(to: server.socketPath)
        let runLog = RunLog()
        try await withStore { harness in
            let handlers = Handlers {
                On(Note.self) { _, context in
                    runLog.add("start")
                    guard runLog.count == 1 else { return }
                    do { try await Task.sleep(for: .seconds(60)) } catch {
                        runLog.add(context.stopReason?.rawValue ?? "none")
                        throw error
                    }
                }
            }
            try await runningBehind(proxy, harness, .quick, handlers) {
                let id = try await harness.queue().enqueue(Note()).id
                try await eventually("it runs") { runLog.count == 1 }
                proxy.freeze()
                // Redis' clock runs past the lease of 30 s, while hardly any time passes for the worker.
                try await harness.endLeases()
                #expect(try await harness.queue().job(id)?.state == .queued)
                proxy.thaw()
                let job = try await harness.waitFor(id, .completed)
                #expect(job.claims == 2 && job.lost == 1 && job.failures == 0)
                try await eventually("the first handler was stopped") { runLog.count(of: "leaseLost") == 1 }
                #expect(runLog.count(of: "start") == 2)
            }
        }
        await proxy.stop()
    }

    @Test func `when Redis is killed and restarted under load, all work continues and no acknowledged job is lost`()
        async throws
    {
        // With `everysec` Redis may put off a write while its disk is busy, and a crash then loses up to 2 s.
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("aof"), options: ["--appendonly", "yes", "--appendfsync", "always"])
        let runLog = RunLog()
        // With a user's timeout a push that a busy machine delays would not be answered.
        try await withStore(url: server.url, commandTimeout: .seconds(30)) { harness in
            try await running(
                worker(harness, slots: 8) {
                    On(Note.self) { job, _ in
                        try await Task.sleep(for: .milliseconds(2))
                        runLog.add(job.number)
                    }
                }
            ) {
                var acknowledged: [Int: JobID] = [:]
                var number = 0
                func push(_ count: Int) async {
                    for _ in 0..<count {
                        number += 1
                        guard let ref = try? await harness.queue().enqueue(Note(number: number)) else { continue }
                        acknowledged[number] = ref.id
                    }
                }
                await push(200)
                server.kill()
                let restart = Task { try await server.restart() }
                await push(3)
                try await restart.value
                try await harness.store.waitUntilConnected(within: .seconds(30))
                await push(100)
                #expect(acknowledged.count >= 300)
                for (number, id) in acknowledged {
                    let job = try await harness.waitFor(id, .completed)
                    #expect(job.failures == 0 && job.lost == 0, "job \(number)")
                }
                #expect(Set(acknowledged.keys.map(String.init)).isSubset(of: runLog.all))
            }
        }
        await server.stop()
    }

    @Test func `a worker starts before Redis does`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("late"))
        try await withStore(url: server.url) { harness in
            await server.stop()
            try await running(worker(harness) { On(Square.self) { job, _ in job.side } }) {
                try await server.restart()
                try await harness.store.waitUntilConnected(within: .seconds(30))
                // Whose push is not answered repeats it as it was.
                let job = NewJob(type: Square.name, payload: Array(#"{"side":3}"#.utf8))
                try await eventually("the push is answered") { (try? await harness.queue().enqueue(job)) != nil }
                #expect(try await harness.waitFor(job.id, .completed).output == Array("3".utf8))
            }
        }
        await server.stop()
    }

    @Test func `leases are renewed while more handlers than cores compute without pause`() async throws {
        // In a process of its own: there the handlers fill the pool that all tests would share.
        await #expect(processExitsWith: .success) {
            let spinners = ProcessInfo.processInfo.activeProcessorCount + 1
            let server = try await PrivateRedisServer.start(directory: temporaryDirectory("spin"))
            try await withStore(url: server.url, commandTimeout: .seconds(30)) { harness in
                let queue = harness.queue()
                let (begun, over) = (RunLog(), RunLog())
                let refs = try await queue.enqueue(contentsOf: (0..<spinners).map { Square(side: $0) })
                var configuration = WorkerConfiguration.quick
                configuration.heartbeatInterval = .milliseconds(100)
                let hog = worker(harness, slots: spinners, configuration) {
                    On(Square.self) { job, context in
                        begun.add(job.side)
                        let end = ContinuousClock.now + .seconds(60)
                        while over.count == 0, ContinuousClock.now < end {}
                        return context.stopReason == nil ? 1 : 0
                    }
                }
                try await running(hog) {
                    try await eventually("every core computes") { begun.count >= spinners - 1 }
                    // For Redis two leases of 30 s pass, in steps after each of which all must be renewed.
                    for offset in [15, 30, 45, 60] {
                        try await harness.setClock(.seconds(offset))
                        let now = try await harness.command("TIME").array?.first?.int ?? 0
                        let renewed = "\((now + offset + 20) * 1000)"
                        try await eventually("all leases are renewed") {
                            try await harness.command("ZCOUNT", harness.key("active"), renewed, "+inf").int == spinners
                        }
                    }
                    over.add("renewed")
                    for ref in refs {
                        let result = try await ref.result(within: .seconds(30))
                        let job = try await ref.record()
                        guard result == 1 else { throw Lost() }
                        guard let job, job.claims == 1, job.lost == 0 else { throw Lost() }
                    }
                }
            }
            await server.stop()
        }
    }

    @Test func `a handler that ignores the loss of its lease is leaked: its slot stays taken and health is told`()
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            try await queue.configure(QueueSettingsChange(lease: .seconds(1)))
            let (gate, runLog) = (Gate(), RunLog())
            var configuration = WorkerConfiguration.quick
            configuration.leakDelay = .milliseconds(50)
            configuration.onUnhealthy = { runLog.add("unhealthy \($0)") }
            try await running(
                worker(harness, slots: 1, configuration) {
                    On(Note.self) { _, _ in
                        runLog.add("start")
                        await Task.detached { try? await gate.pass() }.value
                    }
                }
            ) {
                let id = try await queue.enqueue(Note()).id
                try await eventually("it runs") { runLog.count(of: "start") == 1 }
                // Somebody asks for the stop; the handler does not listen, and then no heartbeat helps it any more.
                // On a slow machine the lease may be lost already, and the job waits for the slot.
                let verdict = try await queue.control(.cancel, id)
                #expect(verdict == .asked || verdict == .done(.cancelled))
                try await eventually("the worker says so") { runLog.count(of: "unhealthy 1") == 1 }
                try await harness.waitFor(id, .cancelled)
                let other = try await queue.enqueue(Note()).id
                try await eventually("the slot shows as leaked") {
                    let cards = try await queue.workers().map { String(decoding: $0.info, as: UTF8.self) }
                    return cards.contains { $0.contains("\"leaked\":1") }
                }
                #expect(try await queue.job(other)?.state == .queued, "there is no other slot")
                gate.open()
                try await harness.waitFor(other, .completed)
            }
        }
    }

    private struct Lost: Error {}
}
