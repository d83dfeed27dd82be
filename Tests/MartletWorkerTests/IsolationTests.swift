// Jobs that bring their process down, in processes of their own and in company.

import FoundationEssentials
import MartletJobs
import MartletProcess
import MartletQueue
import MartletRedis
import Synchronization
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The program `TestWorker`, kept alive as a supervisor would: whenever it dies it is started again.
private final class Supervised: Sendable {
    private struct State {
        var processID: Int32
        var isRunning = true
        var deaths: [Int32] = []
    }

    private let program: ChildProgram
    private let state: Mutex<State>

    init(_ harness: QueueHarness, slots: Int, _ more: [String], errors: String = "/dev/null") async throws {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let directory = tests.split(separator: "/").dropLast().joined(separator: "/")
        let words = [try await SharedRedis.url(), harness.prefix, "\(slots)"] + more
        var environment = ProcessInfo.processInfo.environment
        // A trap would spend seconds on telling where it was.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        program = ChildProgram(
            "/\(directory)/TestWorker", words, environment: environment,
            descriptors: [0: .nothing, 1: .file("/dev/null"), 2: .file(errors)])
        state = Mutex(State(processID: try program.start()))
    }

    /// How the worker's processes died, as `waitpid` says it.
    var deaths: [Int32] { state.withLock { $0.deaths } }

    /// Starts the worker again if it has died, after what it held has been taken back.
    func look(_ harness: QueueHarness) async throws {
        guard hasDied() else { return }
        // Its leases are so long that a busy machine can keep them; nobody waits for their end.
        try await harness.endLeases()
        try restart()
    }

    /// Whether the worker has died since its start; true once.
    private func hasDied() -> Bool {
        state.withLock { state in
            var status: Int32 = 0
            guard state.isRunning, waitpid(state.processID, &status, WNOHANG) == state.processID else { return false }
            state.isRunning = false
            state.deaths.append(status)
            return true
        }
    }

    private func restart() throws {
        try state.withLock { state in
            state.processID = try program.start()
            state.isRunning = true
        }
    }

    func stop() {
        state.withLock { state in
            guard state.isRunning else { return }
            state.isRunning = false
            _ = kill(state.processID, SIGKILL)
            _ = waitpid(state.processID, nil, 0)
        }
    }
}

@Suite(.serialized) struct IsolationTests {
    /// Runs `body` with a supervised worker.
    private func with(
        slots: Int = 8, apart: Bool, _ body: @concurrent @Sendable (QueueHarness, Supervised) async throws -> Void
    ) async throws {
        try await withStore { harness in
            try await harness.queue().create()
            let worker = try await Supervised(harness, slots: slots, apart ? ["apart"] : [])
            defer { worker.stop() }
            try await body(harness, worker)
        }
    }

    private func push(_ types: [String], to harness: QueueHarness) async throws -> [JobID] {
        let jobs = types.map { NewJob(type: $0, payload: Array("{}".utf8)) }
        _ = try await harness.queue().enqueue(jobs)
        return jobs.map(\.id)
    }

    private func wait(_ id: JobID, _ state: JobState, _ harness: QueueHarness, _ worker: Supervised) async throws
        -> JobRecord
    {
        var found: JobRecord?
        // A busy machine takes its time for each process, and some jobs need four of them.
        try await eventually(within: .seconds(120), "job \(id) is over") {
            try await worker.look(harness)
            found = try await harness.queue().job(id)
            return found?.state == state || found?.finishedAt != nil
        }
        let job = try #require(found)
        #expect(job.state == state, "\(job.type): \(job.error ?? "no error")")
        return job
    }

    @Test func `with isolation poison is found after one death of the worker, and other jobs complete`() async throws {
        try await with(apart: true) { harness, worker in
            let ids = try await push(["poison"] + Array(repeating: "innocent", count: 7), to: harness)
            let poison = try await wait(ids[0], .failed, harness, worker)
            #expect(poison.lost == 3 && poison.failures == 0)
            #expect(poison.error?.hasPrefix("poison: its process was killed by signal") == true)
            for id in ids.dropFirst() {
                let job = try await wait(id, .completed, harness, worker)
                #expect(job.lost <= 1 && job.failures == 0)
            }
            #expect(worker.deaths.count == 1, "only the first time it took others along")
            #expect(worker.deaths.allSatisfy { $0 & 0x7F != 0 })
        }
    }

    @Test func `without isolation poison is found after three deaths of the worker, and other jobs complete`()
        async throws
    {
        try await with(apart: false) { harness, worker in
            let ids = try await push(["poison"] + Array(repeating: "innocent", count: 7), to: harness)
            let poison = try await wait(ids[0], .failed, harness, worker)
            #expect(poison.lost == 3 && poison.failures == 0)
            #expect(poison.error?.hasPrefix("poison: its worker died 3 times") == true)
            for id in ids.dropFirst() {
                let job = try await wait(id, .completed, harness, worker)
                #expect(job.lost <= 2 && job.failures == 0)
            }
            #expect(worker.deaths.count == 3)
        }
    }

    @Test func `a handler in its own process crashes alone, and its job fails as poison`() async throws {
        try await with(apart: false) { harness, worker in
            let ids = try await push(["trap", "innocent"], to: harness)
            let poison = try await wait(ids[0], .failed, harness, worker)
            #expect(poison.lost == 3 && poison.failures == 0 && poison.claims == 3)
            #expect(poison.error?.contains("its process was killed by signal") == true)
            #expect(try await wait(ids[1], .completed, harness, worker).lost == 0)
            #expect(worker.deaths.isEmpty)
        }
    }

    /// The kernel ends a process that takes too much memory with SIGKILL.
    @Test(arguments: [("killed", "signal 9"), ("greedy", "signal ")])
    func `a handler whose process is killed for its memory affects no other job, and its job fails with the signal`(
        _ type: String, _ signal: String
    ) async throws {
        try await with(apart: false) { harness, worker in
            let ids = try await push([type, "innocent"], to: harness)
            let job = try await wait(ids[0], .failed, harness, worker)
            #expect(job.lost == 3 && job.failures == 0 && job.claims == 3)
            #expect(job.error?.hasPrefix("poison: its process was killed by \(signal)") == true, "\(job.error ?? "")")
            #expect(try await wait(ids[1], .completed, harness, worker).lost == 0)
            #expect(worker.deaths.isEmpty)
        }
    }

    @Test func `results, progress, checkpoints and errors cross from process to process`() async throws {
        try await with(apart: false) { harness, worker in
            let jobs = [
                NewJob(type: "square", payload: Array(#"{"side":12}"#.utf8)),
                NewJob(type: "step", payload: Array("{}".utf8)),
                NewJob(type: "hopeless", payload: Array("{}".utf8)),
            ]
            _ = try await harness.queue().enqueue(jobs)
            let square = try await wait(jobs[0].id, .completed, harness, worker)
            #expect(square.output == Array("144".utf8))
            #expect(square.progress == JobProgress(completed: 1, total: 2))
            let step = try await wait(jobs[1].id, .completed, harness, worker)
            #expect(step.output == Array(#""went on from 1""#.utf8) && step.failures == 1)
            let hopeless = try await wait(jobs[2].id, .failed, harness, worker)
            #expect(hopeless.error == "there is no hope" && hopeless.claims == 1)
        }
    }

    @Test func `a program's pushes before its worker runs are not repeated for each isolated job`() async throws {
        try await withStore { harness in
            let errors = temporaryDirectory("pushes") + "/errors"
            let worker = try await Supervised(harness, slots: 1, ["pushes"], errors: errors)
            defer { worker.stop() }
            let queue = harness.queue()
            try await eventually(within: .seconds(120), "its job has run") {
                try await queue.status()?.jobs[.completed] == 1
            }
            #expect(try await queue.status()?.total == 1)
            let text = try String(contentsOfFile: errors, encoding: .utf8)
            #expect(text.contains("push: this process was started to run one job"), "\(text)")
            #expect(text.contains("Worker.runsOneJob"))
        }
    }

    @Test func `log lines of an isolated handler have its job, type, attempt, queue and worker`()
        async throws
    {
        try await withStore { harness in
            let errors = temporaryDirectory("isolation") + "/errors"
            let worker = try await Supervised(harness, slots: 1, ["logs"], errors: errors)
            defer { worker.stop() }
            let ids = try await push(["teller"], to: harness)
            _ = try await wait(ids[0], .completed, harness, worker)
            let text = try String(contentsOfFile: errors, encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.contains("told by the handler") }, "\(text)")
            for label in ["job_id=\(ids[0])", "type=teller", "attempt=1", "queue=q"] {
                #expect(line.contains(label), "no \(label) in \(line)")
            }
            let id = try #require(line.firstMatch(of: /worker_id=(\S+)/)).1
            try await eventually("\(id) is among the workers") {
                try await harness.queue().workers().contains { $0.worker == id }
            }
        }
    }

    @Test func `an isolated handler may push`() async throws {
        try await with(apart: false) { harness, worker in
            let ids = try await push(["relay"], to: harness)
            _ = try await wait(ids[0], .completed, harness, worker)
            try await eventually("what it pushed has run too") {
                try await harness.queue().status()?.jobs[.completed] == 2
            }
        }
    }

    @Test func `an isolated handler that ignores its cancellation is killed with its process`() async throws {
        try await with(slots: 1, apart: false) { harness, worker in
            let ids = try await push(["deaf"], to: harness)
            _ = try await wait(ids[0], .active, harness, worker)
            _ = try await harness.queue().control(.cancel, ids[0])
            let job = try await wait(ids[0], .cancelled, harness, worker)
            #expect(job.lost == 0, "ended by its worker, not by the loss of its lease")
            let next = try await push(["innocent"], to: harness)
            _ = try await wait(next[0], .completed, harness, worker)
            #expect(worker.deaths.isEmpty)
        }
    }
}
