// A whole installation for one test: a Redis, an origin, a server process and worker processes, each a real one.

import AsyncHTTPClient
import Crypto
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

/// The command as it was built, beside the tests.
enum Program {
    static var path: String {
        let directory = Subprocess.ownPath.split(separator: "/").dropLast().joined(separator: "/")
        return "/\(directory)/martlet"
    }
}

/// How a command ended and what it wrote.
struct CommandResult: Sendable {
    var status: Int32?
    var output: String
    var errors: String

    var json: JSONValue { (try? JSONValue.parse(output.utf8, source: "output")) ?? .null }

    /// Runs a program to its end; kills it after `limit`.
    ///
    /// - Parameter directory: where its output goes.
    static func of(
        _ program: String, _ arguments: [String], environment: [String: String], in directory: String,
        within limit: Duration = .seconds(90)
    ) async throws -> CommandResult {
        let name = "\(directory)/command-\(UUID().uuidString)"
        let process = try Subprocess(
            program, arguments, environment: environment, output: name + ".out", errors: name + ".err")
        let status = await process.wait(within: limit)
        if status == nil { process.send(9) }
        return CommandResult(
            status: status, output: TestStack.text(name + ".out"), errors: TestStack.text(name + ".err"))
    }
}

/// A whole installation.
final class TestStack: Sendable {
    let directory: String
    let redis: PrivateRedisServer
    let origin: OriginServer
    let serverURL: String
    let store: JobStore
    let port: Int
    private let processes = Processes()
    private let running: Task<Void, any Error>

    /// Runs `body` in a new installation; afterwards the audit must be clean.
    static func with(
        _ content: OriginContent, _ body: @Sendable (TestStack) async throws -> Void
    ) async throws {
        let stack = try await TestStack(content)
        let result: Result<Void, any Error>
        do {
            try await body(stack)
            result = .success(try await stack.audit())
        } catch {
            result = .failure(error)
        }
        await stack.close()
        try result.get()
    }

    private init(_ content: OriginContent) async throws {
        directory = temporaryDirectory("stack")
        redis = try await PrivateRedisServer.start(
            directory: directory + "/redis", options: PrivateRedis.options, within: .seconds(60))
        origin = try await OriginServer.start(content)
        port = try await LoopbackPort.free()
        serverURL = "http://127.0.0.1:\(port)"
        store = JobStore(
            redis: try RedisConfiguration.ofTests(url: redis.url, isPatient: true), logger: Logger(label: "test"))
        running = Task { [store] in try await store.run() }
        try await store.waitUntilConnected(within: .seconds(30))
    }

    var downloads: Queue { store.queue(.downloads) }
    var filesDirectory: String { directory + "/files" }

    /// The environment of every process of the installation.
    ///
    /// A process or the origin may stand still for seconds: by that alone no lease ends, and no origin is too slow.
    var environment: [String: String] {
        Subprocess.plainEnvironment.merging([
            "REDIS_URL": redis.url, "HTTP_PORT": String(port), "DOWNLOAD__DIRECTORY": filesDirectory,
            "DOWNLOAD__LEASE_SECONDS": "30", "DOWNLOAD__ALLOW_PRIVATE_ADDRESSES": "true",
            "DOWNLOAD__MIN_BYTES_PER_SECOND": "0",
            "WORKER_QUEUES": "downloads=10", "WORKER_SHUTDOWN_GRACE_SECONDS": "2", "MARTLET_SERVER": serverURL,
        ]) { $1 }
    }

    /// Starts a server and waits until it is ready and has applied its settings.
    @discardableResult
    func serve(_ extra: [String: String] = [:]) async throws -> Subprocess {
        let server = try start(["serve"], extra)
        try await until("the server is ready") {
            #expect(server.status == nil, "the server ended: \(self.log("serve"))")
            guard server.status == nil else { throw CommandFailure(.failed, "no server") }
            return await (try? self.get("/readyz")) != nil
        }
        try await until("the settings are applied") {
            try await self.downloads.status()?.settings.limit != nil
        }
        return server
    }

    /// Starts a worker process.
    @discardableResult
    func work(_ extra: [String: String] = [:]) throws -> Subprocess { try start(["work"], extra) }

    /// Starts a process that ends with the installation.
    func start(_ arguments: [String], _ extra: [String: String] = [:]) throws -> Subprocess {
        let log = "\(directory)/\(arguments[0]).log"
        let process = try Subprocess(
            Program.path, arguments, environment: environment.merging(extra) { $1 }, output: log, errors: log)
        processes.add(process)
        return process
    }

    /// Ends a process that was started elsewhere together with the stack.
    func endsWithStack(_ process: Subprocess) { processes.add(process) }

    /// The same with this environment and nothing else.
    func startBare(_ arguments: [String], _ environment: [String: String]) throws -> Subprocess {
        let log = "\(directory)/\(arguments[0]).log"
        let process = try Subprocess(Program.path, arguments, environment: environment, output: log, errors: log)
        processes.add(process)
        return process
    }

    /// Runs a command to its end.
    func martlet(
        _ arguments: String..., environment extra: [String: String] = [:], within limit: Duration = .seconds(90)
    ) async throws -> CommandResult {
        try await martlet(arguments, environment: extra, within: limit)
    }

    /// Runs a command to its end.
    func martlet(
        _ arguments: [String], environment extra: [String: String] = [:], within limit: Duration = .seconds(90)
    ) async throws -> CommandResult {
        try await CommandResult.of(
            Program.path, arguments, environment: environment.merging(extra) { $1 }, in: directory, within: limit)
    }

    /// Waits until `condition` holds; fails the test when it does not in time.
    func until(
        _ what: String, within limit: Duration = .seconds(45), every pause: Duration = .milliseconds(15),
        _ condition: () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + limit
        while try await !condition() {
            guard ContinuousClock.now < end else {
                throw CommandFailure(.timedOut, "not in time: \(what)\n\(log("work"))")
            }
            try await Task.sleep(for: pause)
        }
    }

    /// Everything that must agree does.
    func audit() async throws {
        try await store.waitUntilConnected(within: .seconds(30))
        for name in try await store.queueNames() {
            let report = try await store.queue(name).audit()
            #expect(report.isClean, "\(name): \(report.findings), ledger \(report.ledgerDifference)")
            #expect(report.repaired == 0)
        }
    }

    /// The end of a log.
    func log(_ command: String) -> String {
        Self.text("\(directory)/\(command).log").split(separator: "\n").suffix(12).joined(separator: "\n")
    }

    /// Waits until a process has logged a text: the line may come after all else that shows what it is about.
    func until(_ command: String, logs text: String) async throws {
        try await until("the log of \(command) says: \(text)") {
            Self.text("\(self.directory)/\(command).log").contains(text)
        }
    }

    /// Ends a process in order, however long it takes.
    ///
    /// - Returns: its exit code.
    @discardableResult
    func end(_ process: Subprocess) async -> Int32? {
        await process.stop(within: .seconds(60))
        return process.status
    }

    /// Ends every process.
    private func close() async {
        redis.unpause()
        await processes.stop()
        running.cancel()
        _ = await running.result
        await origin.stop()
        await redis.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}

// MARK: - HTTP

extension TestStack {
    /// One request; throws a ``CommandFailure`` for anything but success.
    func post(_ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        try await APIClient.with(serverURL, token: nil) { try await $0.post(path, body: body) }
    }

    func put(_ path: String, _ body: JSONValue) async throws -> JSONValue {
        try await APIClient.with(serverURL, token: nil) { try await $0.send(.PUT, path, body: body).value }
    }

    func get(_ path: String) async throws -> JSONValue {
        try await APIClient.with(serverURL, token: nil) { try await $0.get(path) }
    }

    /// Adds the download of a file of the origin; returns its id.
    func add(_ name: String, priority: Int = 0, maxRetries: Int = 3) async throws -> String {
        let answer = try await post(
            "/api/downloads",
            .object([
                "url": .string(origin.url(of: name)), "filename": .string(name), "priority": .integer(priority),
                "max_retries": .integer(maxRetries),
            ]))
        return try #require(answer["id"].string)
    }

    /// Adds downloads of files in one call; returns their ids.
    func add(_ names: [String], priority: Int = 0) async throws -> [String] {
        let items = names.map { name in
            JSONValue.object(["url": .string(origin.url(of: name)), "filename": .string(name)])
        }
        let body = JSONValue.object(["downloads": .array(items), "priority": .integer(priority)])
        return try await post("/api/downloads/batch", body)["job_ids"].array?.compactMap(\.string) ?? []
    }

    func download(_ id: String) async throws -> JSONValue { try await get("/api/downloads/\(id)") }

    func status(_ id: String) async throws -> String { try await download(id)["status"].string ?? "" }

    /// Waits until a download has this status.
    func until(_ id: String, is status: String, within limit: Duration = .seconds(45)) async throws {
        try await until("\(id) is \(status)", within: limit) {
            // The server may have lost Redis for a while.
            do { return try await self.status(id) == status } catch let failure as CommandFailure
                where failure.code == .unavailable
            { return false }
        }
    }

    /// The job as the store has it.
    func record(_ id: String) async throws -> JobRecord {
        let id = try #require(JobID(id))
        let record = try await downloads.job(id)
        return try #require(record)
    }

    /// Whether the file is there and its bytes are the origin's.
    func hasRightBytes(_ name: String) throws -> Bool {
        let file = try #require(origin.content.files.first { $0.name == name })
        guard let bytes = FileManager.default.contents(atPath: "\(filesDirectory)/\(name)") else { return false }
        return Hex.text(of: SHA256.hash(data: bytes)) == file.sha256
    }
}

/// The processes that an installation has started.
private final class Processes: Sendable {
    private let all = Mutex<[Subprocess]>([])

    func add(_ process: Subprocess) { all.withLock { $0.append(process) } }

    /// Ends all of them, also stopped ones.
    func stop() async {
        await withTaskGroup { group in
            for process in all.withLock({ $0 }) { group.addTask { await process.stop() } }
        }
    }
}

// MARK: - Redis itself

extension TestStack {
    /// Sends a command to Redis that no process of the stack knows of.
    func command(_ words: String...) async throws { _ = try await reply(words) }

    /// The reply to a command.
    func reply(_ words: String...) async throws -> RedisValue { try await reply(words) }

    private func reply(_ words: [String]) async throws -> RedisValue {
        let client = RedisClient(
            try RedisConfiguration.ofTests(url: redis.url, isPatient: true), logger: Logger(label: "test"))
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        let request = RedisRequest.command(arguments)
        return try await StoreSession.beside(client.run) { try await client.send(request) }
    }

    /// Breaks the store on purpose.
    func removeHash(of id: String) async throws { try await command("RENAME", "martlet:{downloads}:job:\(id)", "kept") }

    /// Puts back what ``removeHash(of:)`` took.
    func restoreHash(of id: String) async throws {
        try await command("RENAME", "kept", "martlet:{downloads}:job:\(id)")
    }

    /// Ends the lease of a running download, as time would; its worker must not send heartbeats any more.
    func endLease(of id: String) async throws { try await command("ZADD", "martlet:{downloads}:active", "XX", "1", id) }

    /// Sets the count of repairs back, which the audit at the end expects to be none.
    func forgetRepairs() async throws { try await command("HDEL", "martlet:{downloads}:meta", "repaired") }

    /// The body of an answer that is no JSON.
    func text(_ path: String) async throws -> String {
        let answer = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: serverURL + path), timeout: .seconds(60))
        return String(buffer: try await answer.body.collect(upTo: 1 << 20))
    }
}
