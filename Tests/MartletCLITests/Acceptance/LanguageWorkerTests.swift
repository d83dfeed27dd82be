// The workers of the guide in Python, Node and bash: the very files, against a real server, under faults.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@testable import MartletCLI

/// A worker of the guide.
enum LanguageWorker: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case python = "worker.py"
    case node = "worker.mjs"
    case bash = "worker.sh"

    var testDescription: String { rawValue }

    /// The program that runs it.
    private var interpreter: String {
        switch self {
        case .python: "python3"
        case .node: "node"
        case .bash: "bash"
        }
    }

    /// What bash runs for each job: waits as the job says, refuses one that is bad, else answers a result.
    private static let command = """
        job=$(cat); case $job in *'"bad"'*) echo 'no "good" job' >&2; exit 3;; esac
        wait=${job#*'"seconds":'}; [ "$wait" = "$job" ] || sleep "${wait%%[,\\}]*}"; echo '{"who":"Ada"}'
        """

    /// The arguments behind the interpreter, for jobs of one type of the queue `default`.
    private var arguments: [String] {
        let path = Guides.root.appending(path: "config/workers/\(rawValue)").path
        switch self {
        case .python, .node: return [interpreter, path, "default"]
        case .bash: return [interpreter, path, "default", "sleep", "sh", "-c", Self.command]
        }
    }

    /// Starts it against the server at `url`.
    func start(_ stack: TestStack, at url: String? = nil) throws -> Subprocess {
        var environment = stack.environment
        if let url { environment["MARTLET_SERVER"] = url }
        let log = "\(stack.directory)/\(rawValue).log"
        let process = try Subprocess("/usr/bin/env", arguments, environment: environment, output: log, errors: log)
        stack.endsWithStack(process)
        return process
    }

    /// A job that this worker cannot run.
    var badPayload: JSONValue { self == .bash ? .string("bad") : .null }
    /// The first part of the error that it reports of such a job.
    var badError: String {
        switch self {
        case .python: "TypeError: "
        case .node: "TypeError: "
        case .bash: #"exit 3: no "good" job"#
        }
    }
}

extension TestStack {
    /// Pushes a job that waits for so many seconds; returns its id.
    func pushSleep(_ payload: JSONValue, retries: Int = 3) async throws -> JobID {
        let answer = try await post(
            "/api/v1/jobs",
            .object(["type": .string("sleep"), "payload": payload, "max_retries": .integer(retries)]))
        return try #require(answer["id"].string.flatMap { JobID($0) })
    }

    fileprivate func job(_ id: JobID) async throws -> JobRecord {
        try #require(try await store.queue(.default).job(id))
    }

    /// What the workers say of themselves.
    fileprivate func workerInfo() async throws -> [JSONValue] {
        let workers = try await get("/api/v1/workers")["workers"].array ?? []
        return workers.compactMap { $0["queues"].array?.first?["info"] }
    }

    fileprivate func setLease(_ seconds: Int) async throws {
        _ = try await put("/api/v1/queues/default", .object(["lease_seconds": .integer(seconds)]))
    }
}

@Suite struct LanguageWorkerTests {
    @Test(arguments: LanguageWorker.allCases)
    func `a worker of the guide runs jobs, renews a lease, reports errors, and ends in order at SIGTERM`(
        _ worker: LanguageWorker
    ) async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1_000_000)) { stack in
            try await stack.serve()
            // Shorter than the long job, so that it is lost unless its lease is renewed, which workers do every 5 s.
            try await stack.setLease(20)
            let process = try worker.start(stack)
            let bad = try await stack.pushSleep(worker.badPayload, retries: 0)
            try await stack.until("the bad job fails") { try await stack.job(bad).state == .failed }
            let error = try #require(try await stack.job(bad).error)
            #expect(error.hasPrefix(worker.badError), "\(error)")
            // The server reports a worker beside its claims, so the report may come after the first job.
            try await stack.until("the worker is reported") {
                try await stack.workerInfo().first?["language"].string == "\(worker)"
            }
            let list = try await stack.martlet("worker", "list")
            #expect(list.output.contains("\(worker) "), "\(list.output)")

            let short = try await stack.pushSleep(.object(["seconds": .integer(0)]))
            try await stack.until("the short job completes") { try await stack.job(short).state == .completed }
            #expect(try await stack.job(short).output != nil)
            let long = try await stack.pushSleep(.object(["seconds": .integer(25)]))
            try await stack.until("the long job runs") { try await stack.job(long).state == .active }
            // Active before the worker has the answer; a worker that is stopped earlier takes nothing.
            let first = try #require(try await stack.job(long).leaseUntil)
            try await stack.until("the worker has renewed the lease") {
                try await stack.job(long).leaseUntil.map { $0 > first } ?? false
            }
            process.send(15)
            #expect(await process.wait(within: .seconds(90)) == 0)
            let ended = try await stack.job(long)
            #expect(ended.state == .completed && ended.lost == 0 && ended.claims == 1, "\(ended)")
            #expect(try await stack.workerInfo().map { $0["state"].string } == ["stopped"])
        }
    }

    @Test(arguments: LanguageWorker.allCases)
    func `a worker of the guide that waits ends soon at SIGTERM and takes nothing with it`(
        _ worker: LanguageWorker
    ) async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1_000_000)) { stack in
            try await stack.serve()
            let process = try worker.start(stack)
            try await stack.until("it waits") { try await !stack.store.queue(.default).workers().isEmpty }
            process.send(15)
            #expect(await process.wait(within: .seconds(90)) == 0)
            let id = try await stack.pushSleep(.object(["seconds": .integer(0)]))
            // The server may claim for a caller before it sees that this one has hung up; then it gives the job back.
            try await stack.until("the job waits") { try await stack.job(id).state == .queued }
            #expect(try await stack.job(id).lost == 0)
        }
    }

    @Test(arguments: LanguageWorker.allCases)
    func `killed, frozen and cut off workers and a killed server lose no job, and no end is accepted twice`(
        _ worker: LanguageWorker
    ) async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1_000_000)) { stack in
            var server = try await stack.serve()
            try await stack.setLease(5)
            let relay = try await CuttingRelay.start(to: stack.port)
            var workers = try (0..<2).map { _ in try worker.start(stack, at: relay.url) }
            var ids: [JobID] = []
            func push(_ count: Int) async throws {
                for _ in 0..<count { ids.append(try await stack.pushSleep(.object(["seconds": .number(0.05)]))) }
            }
            func completed() async throws -> Int {
                let status = try await stack.store.queue(.default).status()
                return try #require(status).completedEver
            }
            try await push(20)
            try await stack.until("they work") { try await completed() >= 3 }
            workers[0].send(9)
            workers[0] = try worker.start(stack, at: relay.url)
            relay.cutsConnections = true
            // Counted first: a fast worker has ended most of these when the last one is pushed.
            let before = try await completed()
            try await push(20)
            try await stack.until("they work behind cut connections", within: .seconds(150)) {
                try await completed() >= before + 5
            }
            relay.cutsConnections = false
            workers[1].send(19)
            try await push(10)
            server.send(9)
            _ = await server.wait(within: .seconds(60))
            server = try await stack.serve()
            try await push(10)
            // The frozen worker's leases end meanwhile.
            try await stack.until("the other one goes on", within: .seconds(150)) {
                try await completed() >= ids.count - 1
            }
            workers[1].send(18)
            try await stack.until("all are done", within: .seconds(150)) { try await completed() >= ids.count }
            for id in ids { #expect(try await stack.job(id).state == .completed) }
            let status = try #require(try await stack.store.queue(.default).status())
            #expect(status.completedEver == ids.count && status.createdEver == ids.count && status.failedEver == 0)
            #expect(relay.cuts > 0)
            for process in workers { process.send(15) }
            for process in workers { #expect(await process.wait(within: .seconds(90)) == 0) }
            #expect(try await completed() == ids.count)
            await relay.stop()
        }
    }
}
