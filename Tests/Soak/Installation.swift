// The processes of a run: one Redis, two servers, four workers, each behind a separate proxy, and a worker over HTTP.

import FaultInjection
import FoundationEssentials
import Logging
import MartletJobs
import MartletQueue
import MartletRedis
import NIOCore
import NIOPosix
import Synchronization

/// A child process, perhaps behind a separate proxy; it ends with this process.
final class SupervisedProcess: Sendable {
    let name: String
    let proxy: FaultProxy?
    /// The port of a server; 0 for workers.
    let port: Int
    private let command: [String]
    private let directory: String
    private let child = Mutex<ChildProcess?>(nil)

    init(_ name: String, _ proxy: FaultProxy? = nil, port: Int = 0, directory: String, command: [String]) {
        self.name = name
        self.proxy = proxy
        self.port = port
        self.directory = directory
        self.command = command
    }

    var isServer: Bool { port != 0 }
    var url: String { "http://127.0.0.1:\(port)" }
    var isRunning: Bool { child.withLock { $0?.isRunning ?? false } }
    private var pidPath: String { "\(directory)/\(name).pid" }

    func start() throws {
        try? FileManager.default.removeItem(atPath: pidPath)
        let started = try ChildProcess(
            supervising: command, pidPath: pidPath, logPath: "\(directory)/\(name).log")
        child.withLock { $0 = started }
    }

    func send(_ signal: ChildProcess.Signal) {
        guard isRunning, let text = try? String(contentsOfFile: pidPath, encoding: .utf8) else { return }
        ChildProcess.send(signal, to: Int32(text.prefix { $0.isNumber }) ?? 0)
    }

    /// Waits until it has ended; false after the limit.
    func ends(within limit: Duration) async -> Bool {
        let end = ContinuousClock.now + limit
        while isRunning {
            if ContinuousClock.now > end { return false }
            await nap(20)
        }
        return true
    }
}

/// The programs of the package, in the folder of the running one.
enum Program {
    /// The prefix of each command: a build with coverage writes a file for each process.
    static var env: [String] {
        let profile = ProcessInfo.processInfo.environment["LLVM_PROFILE_FILE"]
        return ["/usr/bin/env"] + (profile.map { ["LLVM_PROFILE_FILE=\($0)"] } ?? [])
    }

    static func path(_ name: String) -> String {
        let own =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return "/\(own.split(separator: "/").dropLast().joined(separator: "/"))/\(name)"
    }
}

/// Sleeps for a number of milliseconds.
func nap(_ milliseconds: Int) async { try? await Task.sleep(for: .milliseconds(milliseconds)) }

/// A whole installation.
final class Installation: Sendable {
    /// The lease in ms: long enough for an undisturbed process, short enough for many expiries in a minute.
    static let lease = 1500
    static let queues: [QueueName] = ["soak-a", "soak-b"].compactMap { QueueName($0) }

    let directory: String
    let redis: PrivateRedisServer
    let servers: [SupervisedProcess]
    let workers: [SupervisedProcess]
    /// Workers that know only the servers, so that no fault of a connection to Redis is theirs.
    let workersOverHTTP: [SupervisedProcess]
    let store: JobStore
    let admin: RedisClient
    private let running: Task<Void, any Error>

    /// Those with a connection to Redis.
    var linked: [SupervisedProcess] { servers + workers }
    var allWorkers: [SupervisedProcess] { workers + workersOverHTTP }
    var members: [SupervisedProcess] { servers + allWorkers }

    /// Starts all processes.
    ///
    /// - Parameters:
    ///   - directory: for journals, logs and process ids.
    ///   - volume: where Redis keeps its files.
    ///   - configuration: the redis.conf to begin with.
    ///   - chronicle: records the faults of the connections.
    init(directory: String, volume: String, configuration: String, _ chronicle: FaultLog) async throws {
        self.directory = directory
        redis = try await PrivateRedisServer.start(
            directory: volume + "/redis",
            options: [
                "--enable-debug-command", "yes", "--auto-aof-rewrite-min-size", "8mb", "--save", "",
                "--appendonly", "yes", "--appendfsync", "everysec",
            ], configurationFile: configuration)
        var (servers, workers): ([SupervisedProcess], [SupervisedProcess]) = ([], [])
        for number in 1...2 {
            let (name, port) = ("server-\(number)", try await Self.freePort())
            let proxy = try await Self.proxy(redis, name, chronicle)
            let words = [
                "REDIS_URL=\(proxy.url)", "HTTP_PORT=\(port)", "DOWNLOAD__DIRECTORY=\(directory)/files",
                Program.path("martlet"), "serve",
            ]
            servers.append(
                SupervisedProcess(name, proxy, port: port, directory: directory, command: Program.env + words))
        }
        for number in 1...4 {
            let name = "worker-\(number)"
            let proxy = try await Self.proxy(redis, name, chronicle)
            let queues = Self.queues.map(\.description).joined(separator: ",")
            let words =
                [
                    "work", "--redis", proxy.url, "--journal", "\(directory)/\(name).journal", "--queues", queues,
                ] + (number <= 2 ? ["--apart"] : [])
            workers.append(
                SupervisedProcess(
                    name, proxy, directory: directory, command: Program.env + [Program.path("MartletSoak")] + words))
        }
        (self.servers, self.workers) = (servers, workers)
        let (name, urls) = ("http-worker-1", servers.map(\.url).joined(separator: ","))
        let words = [
            "work-over-http", "--servers", urls, "--journal", "\(directory)/\(name).journal", "--queues",
            Self.queues.map(\.description).joined(separator: ","),
        ]
        workersOverHTTP = [
            SupervisedProcess(
                name, directory: directory, command: Program.env + [Program.path("MartletSoak")] + words)
        ]
        let quiet = Logger(label: "soak") { _ in SwiftLogNoOpLogHandler() }
        var patient = try RedisConfiguration(url: redis.url)
        patient.commandTimeout = .seconds(8)
        store = JobStore(redis: patient, logger: quiet)
        admin = RedisClient(patient, logger: quiet)
        running = Task { [store, admin] in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await store.run() }
                group.addTask { try await admin.run() }
                try await group.waitForAll()
            }
        }
        try await store.waitUntilConnected(within: .seconds(30))
        for name in Self.queues {
            try await store.queue(name).configure(QueueSettingsChange(lease: .milliseconds(Self.lease)))
        }
        for member in members { try member.start() }
    }

    private static func proxy(
        _ redis: PrivateRedisServer, _ name: String, _ chronicle: FaultLog
    ) async throws -> FaultProxy {
        try await FaultProxy.start(to: redis.socketPath, on: .loopback) { kind, _ in
            let now = monotonic()
            // Not on the proxy's thread, which must not wait for the disk.
            Task { chronicle.note(kind.rawValue, name, from: now) }
        }
    }

    /// A port below the range out of which systems take ports for outgoing connections, so that it stays free.
    private static func freePort() async throws -> Int {
        for _ in 0..<1000 {
            let port = Int.random(in: 20_000..<32_000)
            let channel = try? await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "127.0.0.1", port: port).get()
            guard let channel else { continue }
            try await channel.close()
            return port
        }
        throw SoakFailure("there is no free port")
    }

    /// Sends a command to Redis without a proxy.
    @discardableResult
    func command(_ words: String...) async throws -> RedisValue {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return try await admin.send(.command(arguments))
    }

    /// Whether a condition becomes true within a number of seconds.
    func holds(within seconds: Int, _ condition: () async throws -> Bool) async -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if (try? await condition()) == true { return true }
            await nap(50)
        }
        return false
    }

    /// Terminates the processes, kills those that do not end, and returns their names.
    func stopMembers() async -> [String] {
        for member in members {
            member.send(.proceed)
            member.send(.terminate)
        }
        var stubborn: [String] = []
        for member in members where await !member.ends(within: .seconds(60)) {
            stubborn.append(member.name)
            member.send(.kill)
            _ = await member.ends(within: .seconds(5))
        }
        return stubborn
    }

    /// Stops Redis and the proxies.
    func close() async {
        running.cancel()
        _ = await running.result
        for member in members { await member.proxy?.stop() }
        await redis.stop()
    }
}
