// An installation for the dashboard's tests: a Redis, an origin of files, and server and worker processes.

import AsyncHTTPClient
import FoundationEssentials
import Logging
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import MartletRedis
import NIOCore
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@testable import MartletCLI

/// A whole installation.
final class DashboardStack: Sendable {
    let directory: String
    let origin: OriginServer
    let store: JobStore
    /// The server's address.
    let base: String
    private let redis: PrivateRedisServer
    private let port: Int
    private let processes = Mutex<[Subprocess]>([])
    private let server = Mutex<Subprocess?>(nil)
    private let running: Task<Void, any Error>

    /// Runs `body` with a running server; ends with the audit of every queue.
    ///
    /// - Parameter tokens: the lines of a token file, if the server has one.
    static func with(
        tokens: String? = nil, files: [OriginFile] = [], bytesPerSecond: Int = 1 << 30,
        _ body: (DashboardStack) async throws -> Void
    ) async throws {
        let stack = try await DashboardStack(OriginContent(files: files, bytesPerSecond: bytesPerSecond))
        let result: Result<Void, any Error>
        do {
            try await stack.serve(tokens: tokens)
            try await body(stack)
            try await stack.audit()
            result = .success(())
        } catch { result = .failure(error) }
        await stack.close()
        try result.get()
    }

    private init(_ content: OriginContent) async throws {
        directory = temporaryDirectory("dashboard")
        redis = try await PrivateRedisServer.start(
            directory: directory + "/redis", options: PrivateRedis.options, within: .seconds(60))
        origin = try await OriginServer.start(content)
        port = try await LoopbackPort.free()
        base = "http://127.0.0.1:\(port)"
        store = JobStore(redis: try RedisConfiguration.ofTests(url: redis.url, isPatient: true), logger: noLogger)
        running = Task { [store] in try await store.run() }
        try await store.waitUntilConnected(within: .seconds(30))
    }

    /// The address of a screen.
    func page(_ screen: String) -> String { "\(base)/ui/#/\(screen)" }

    func queue(_ name: String) -> Queue {
        guard let name = QueueName(name) else { preconditionFailure("no queue name: \(name)") }
        return store.queue(name)
    }

    /// Starts a server and waits until it is ready.
    func serve(tokens: String? = nil) async throws {
        var extra: [String: String] = [:]
        if let tokens {
            let path = directory + "/tokens"
            _ = FileManager.default.createFile(
                atPath: path, contents: Data(tokens.utf8), attributes: [.posixPermissions: 0o600])
            extra["AUTH_TOKENS_FILE"] = path
        }
        let server = try start("serve", extra)
        try await eventually(within: .seconds(90), "the server is ready: \(log("serve"))") {
            try #require(server.status == nil, "the server ended: \(log("serve"))")
            let answer = try? await HTTPClient.shared.execute(
                HTTPClientRequest(url: base + "/readyz"), timeout: .seconds(2))
            return answer?.status == .ok
        }
        self.server.withLock { $0 = server }
    }

    /// Ends the server in order.
    func stopServer() async { await server.withLock { $0 }?.stop() }

    /// Starts a worker process for these queues.
    func work(_ queues: String) throws { try start("work", ["WORKER_QUEUES": queues]) }

    @discardableResult
    private func start(_ command: String, _ extra: [String: String]) throws -> Subprocess {
        let environment = Subprocess.plainEnvironment.merging([
            "REDIS_URL": redis.url, "HTTP_PORT": String(port), "DOWNLOAD__DIRECTORY": directory + "/files",
            "DOWNLOAD__ALLOW_PRIVATE_ADDRESSES": "true", "WORKER_SHUTDOWN_GRACE_SECONDS": "1",
            "DOWNLOAD__MAX_PER_HOST": "0", "DOWNLOAD__MAX_CONCURRENT_DOWNLOADS": "5",
        ]) { $1 }
        let program = Subprocess.ownPath.split(separator: "/").dropLast().joined(separator: "/")
        let log = "\(directory)/\(command).log"
        let process = try Subprocess(
            "/\(program)/martlet", [command], environment: environment.merging(extra) { $1 }, output: log, errors: log)
        processes.withLock { $0.append(process) }
        return process
    }

    /// Pushes jobs of one type, with these payloads.
    @discardableResult
    func push(_ type: String = "t", to queue: String = "q", payloads: [String] = ["{}"], retries: Int = 3)
        async throws -> [JobID]
    {
        let jobs = payloads.map { payload in
            NewJob(type: type, payload: Array(payload.utf8), maxRetries: retries)
        }
        for part in stride(from: 0, to: jobs.count, by: 1000) {
            _ = try await self.queue(queue).enqueue(Array(jobs[part..<min(part + 1000, jobs.count)]))
        }
        return jobs.map(\.id)
    }

    /// Claims jobs as a worker would, and ends them with this outcome.
    func settle(_ count: Int = 1, of queue: String = "q", _ outcome: Settlement.Outcome) async throws {
        let queue = self.queue(queue)
        let number = Int(Date().timeIntervalSince1970 * 1_000_000)
        let jobs = try await queue.claim(ClaimRequest(worker: "w", number: number, upTo: count)).jobs
        try #require(jobs.count == count)
        for job in jobs {
            let reply = try await queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome)])
            try #require(reply.verdicts[0].isDone)
        }
    }

    /// How many streams of events are open.
    func listeners() async throws -> Int {
        let answer = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: base + "/metrics"), timeout: .seconds(60))
        let text = String(buffer: try await answer.body.collect(upTo: 4 << 20))
        let line = text.split(separator: "\n").first { $0.hasPrefix("martlet_event_subscribers ") }
        return line.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
    }

    private func audit() async throws {
        for name in try await store.queueNames() {
            let report = try await store.queue(name).audit()
            #expect(report.isClean, "\(name): \(report.findings), ledger \(report.ledgerDifference)")
        }
    }

    private func log(_ command: String) -> String {
        let text = (try? String(contentsOfFile: "\(directory)/\(command).log", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(8).joined(separator: "\n")
    }

    private func close() async {
        for process in processes.withLock({ $0 }) { await process.stop() }
        running.cancel()
        _ = await running.result
        await origin.stop()
        await redis.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
