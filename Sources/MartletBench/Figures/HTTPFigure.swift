// The HTTP server under load: one job a request on 64 connections, and 10 000 downloads in one request.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletQueue

/// How many jobs the HTTP server takes.
struct HTTPFigure: Sendable {
    let session: BenchSession
    let run: Int
    private static let connections = 64

    func measure() async throws {
        try await BenchEnvironment.with(.martlet, given: session.options.redisURL) { stage in
            let server = try await BenchServer.start(on: stage)
            let result: Result<Void, any Error>
            do { result = .success(try await measure(server, stage)) } catch { result = .failure(error) }
            await server.process.stop()
            try result.get()
        }
    }

    private func measure(_ server: BenchServer, _ stage: BenchEnvironment) async throws {
        // The first requests of a server are slower than all that follow.
        _ = try await load(server, stage, "GET", "/livez", nil, seconds: 0.3)
        let empty = try await session.measure(.http, "empty", "bound", run) {
            try await load(server, stage, "GET", "/livez", nil, seconds: nil)
        }
        try await session.measure(.http, "jobs", BenchSystem.own, run) {
            let before = try await BenchServer.created(stage.redis.url, "bench")
            let metrics = try await load(server, stage, "POST", "/api/v1/jobs", Self.job, seconds: nil)
            let created = try await BenchServer.created(stage.redis.url, "bench") - before
            guard metrics[.jobs] == Double(created) else {
                throw CommandFailure(.failed, "\(metrics[.jobs] ?? 0) answers for \(created) jobs")
            }
            return metrics.compared(with: empty, by: .requestsPerSecond)
        }
        try await measureBatch(server, stage)
    }

    /// Ten thousand tracks in one request, beside the push of as many jobs by the Swift client.
    private func measureBatch(_ server: BenchServer, _ stage: BenchEnvironment) async throws {
        let (count, times) = (session.options.isQuick ? 500 : 10_000, session.options.isQuick ? 2 : 5)
        let tracks = (0..<count).map { _ in UUID().uuidString.lowercased() }
        let body = JSONValue.object(["track_ids": .array(tracks.map { .string($0) })]).line
        try await session.measure(.http, "batch", BenchSystem.own, run) {
            let pushed = try await stage.push(PushOrder(mode: .bulk, jobs: count * times, batch: 500)).report.seconds
            let before = try await BenchServer.created(stage.redis.url, "downloads")
            let report = try await stage.load(
                LoadOrder(
                    port: server.port, connections: 1, requests: times, method: "POST", path: "/api/downloads/batch",
                    body: body))
            let created = try await BenchServer.created(stage.redis.url, "downloads") - before
            guard report.failed == 0, created == count * times else {
                throw CommandFailure(.failed, "\(created) downloads of \(count * times), \(report.failed) failures")
            }
            let push = pushed / Double(times) * 1000
            return [
                .jobs: Double(count), .milliseconds: report.p50 * 1000, .bound: push,
                .ratioToBound: report.p50 * 1000 / push, .jobsPerSecond: Double(count) / report.p50,
            ]
        }
    }

    private func load(
        _ server: BenchServer, _ stage: BenchEnvironment, _ method: String, _ path: String, _ body: String?,
        seconds: Double?
    ) async throws -> [BenchMetric: Double] {
        let seconds = seconds ?? (session.options.isQuick ? 0.3 : 4)
        let order = LoadOrder(
            port: server.port, connections: Self.connections, seconds: seconds, method: method, path: path, body: body)
        let (before, cpu) = (try await stage.redis.read(), ProcessTable.cpu(of: [server.process.processID]))
        let report = try await stage.load(order)
        let used = ProcessTable.cpu(of: [server.process.processID]) - cpu
        let redis = try await stage.redis.read().since(before)
        guard report.failed == 0 else {
            throw CommandFailure(
                .failed, "\(report.failed) of \(report.requests) requests failed: \(stage.tail("serve.err"))")
        }
        return redis.perJob(report.requests).merging([
            .jobs: Double(report.requests), .requestsPerSecond: Double(report.requests) / report.seconds,
            .seconds: report.seconds, .p50: report.p50 * 1000, .p99: report.p99 * 1000,
            .loadBusy: report.cpu / report.seconds,
            .serverCPU: used / Double(max(1, report.requests)) * 100_000,
        ]) { $1 }
    }

    /// A job with a payload of 200 bytes.
    private static let job: String = {
        let pad = String(repeating: "x", count: 200 - BenchJob.overhead)
        return #"{"queue":"bench","type":"bench","payload":{"at":1700000000.123456,"pad":"\#(pad)"}}"#
    }()
}

/// A real `martlet serve`.
struct BenchServer: Sendable {
    let process: Subprocess
    let port: Int

    /// Starts a server and waits until it is ready.
    static func start(on stage: BenchEnvironment) async throws -> BenchServer {
        let port = try await LoopbackPort.free()
        let process = try stage.martlet(
            "serve",
            [
                "HTTP_PORT": String(port), "DOWNLOAD__ALLOW_PRIVATE_ADDRESSES": "true",
                "DOWNLOAD__SOURCE_URL": "http://127.0.0.1:9/tracks/{track_id}",
            ])
        let end = ContinuousClock.now + .seconds(60)
        let question = LoadOrder(port: port, connections: 1, requests: 1, method: "GET", path: "/readyz")
        while try await !isAnswered(question) {
            guard process.status == nil, ContinuousClock.now < end else {
                throw CommandFailure(.failed, "the server did not start: \(stage.tail("serve.err"))")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return BenchServer(process: process, port: port)
    }

    /// Returns whether the server answers a request with success.
    private static func isAnswered(_ question: LoadOrder) async throws -> Bool {
        try await Blocking.run {
            guard var load = try? LoadGenerator(question), let report = try? load.run() else { return false }
            return report.failed == 0
        }
    }

    /// Returns how many jobs a queue has ever received.
    static func created(_ url: String, _ name: String) async throws -> Int {
        try await StoreSession.withStore(StoreSession.configuration(url: url), prefix: "martlet") { store in
            guard let name = QueueName(name) else { return 0 }
            return try await store.queue(name).status()?.createdEver ?? 0
        }
    }
}

extension BenchEnvironment {
    /// Starts `martlet` with this Redis; its standard error goes to a file with its name.
    func martlet(_ command: String, _ variables: [String: String]) throws -> Subprocess {
        try process(
            Programs.martlet(), [command, "--until-eof"], named: command,
            environment: variables.merging(["REDIS_URL": redis.url]) { $1 })
    }

    /// Has a process send requests, and waits for it.
    func load(_ order: LoadOrder) async throws -> LoadReport {
        // A body may be longer than an argument.
        let path = try write(JSONEncoder().encode(order), to: "load.json")
        let generator = try process(
            Subprocess.ownPath, ["target", "load", path], named: "load", environment: [:])
        let status = await generator.wait(within: .seconds(120))
        let line = tail("load.out").split(separator: "\n").last { $0.hasPrefix("{") }
        guard status == 0, let line, let report = try? JSONDecoder().decode(LoadReport.self, from: Data(line.utf8))
        else {
            try Task.checkCancellation()
            throw CommandFailure(.failed, "the load ended with \(status ?? -1): \(tail("load.err"))")
        }
        return report
    }
}
