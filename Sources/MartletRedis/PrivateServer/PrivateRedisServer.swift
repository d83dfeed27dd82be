// A private redis-server as a child process: for development, demos, benchmarks and tests.

import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization

/// A redis-server that belongs to this process and ends with it.
///
/// It listens on a Unix socket and optionally on a loopback port. Data and log are in its directory. When this process
/// ends, for whatever reason, the server is killed.
///
/// ```swift
/// let server = try await PrivateRedisServer.start(directory: directory, options: ["--appendonly", "yes"])
/// let configuration = try RedisConfiguration(url: server.url)
/// await server.stop()
/// ```
public final class PrivateRedisServer: Sendable {
    /// The longest path of a Unix socket, in bytes.
    static let longestSocketPath = 107

    /// The path of the Unix socket.
    public let socketPath: String
    /// The loopback port; 0 without one.
    public let port: Int
    /// The path of the log file.
    public let logPath: String

    private let arguments: [String]
    private let pidPath: String
    private let child = Mutex<ChildProcess?>(nil)

    /// Starts a server and waits until it answers.
    ///
    /// - Parameters:
    ///   - directory: holds data and log; created if missing.
    ///   - options: redis.conf directives as arguments, for instance `["--appendonly", "yes"]`. They override the
    ///     defaults: no port, the socket, and without `configurationFile` no snapshots.
    ///   - port: the loopback port, or 0 for none.
    ///   - configurationFile: a redis.conf to start from.
    ///   - limit: the time limit for starting; loading a large data set needs more.
    /// - Returns: the running server.
    /// - Throws: ``PrivateRedisServerError``.
    public static func start(
        directory: String, options: [String] = [], port: Int = 0, configurationFile: String? = nil,
        within limit: Duration = .seconds(20)
    ) async throws -> PrivateRedisServer {
        let server = try PrivateRedisServer(directory, options, port, configurationFile)
        try await server.launch(within: limit)
        return server
    }

    private init(_ directory: String, _ options: [String], _ port: Int, _ configurationFile: String?) throws {
        let files = FileManager.default
        var root = directory
        if !root.hasPrefix("/") { root = "\(files.currentDirectoryPath)/\(root)" }
        while root.count > 1, root.hasSuffix("/") { root.removeLast() }
        try files.createDirectory(atPath: root, withIntermediateDirectories: true)
        self.port = port
        logPath = "\(root)/redis.log"
        pidPath = "\(root)/redis.pid"
        let near = "\(root)/redis.sock"
        // The kernel limits the path; for a deep directory the socket is placed elsewhere.
        socketPath =
            near.utf8.count <= Self.longestSocketPath ? near : "/tmp/martlet-\(UUID().uuidString.prefix(13)).sock"
        guard let program = Self.findProgram() else { throw PrivateRedisServerError.notInstalled }
        var arguments = [program]
        if let configurationFile { arguments.append(configurationFile) }
        arguments += [
            "--dir", root, "--daemonize", "no", "--logfile", logPath, "--bind", "127.0.0.1", "--port", String(port),
            "--unixsocket", socketPath, "--unixsocketperm", "700",
        ]
        if configurationFile == nil { arguments += ["--save", ""] }
        self.arguments = arguments + options
    }

    deinit {
        signal(.kill)
    }

    /// The URL of the unix socket.
    public var url: String {
        let path = socketPath.utf8.reduce(into: "") { text, byte in
            let character = Character(UnicodeScalar(byte))
            let isPlain = character.isASCII && (character.isLetter || character.isNumber || "/._-".contains(character))
            text += isPlain ? String(character) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return "unix://\(path)"
    }

    /// The server's process id; 0 when it is not running.
    public var processID: Int32 {
        guard isRunning, let text = try? String(contentsOfFile: pidPath, encoding: .utf8) else { return 0 }
        return Int32(text.prefix { $0.isNumber }) ?? 0
    }

    /// Whether the process is running.
    public var isRunning: Bool { child.withLock { $0?.isRunning ?? false } }

    /// Kills the server (SIGKILL), as a crash would.
    public func kill() {
        signal(.kill)
        // Waits for the process in the background to prevent a zombie.
        guard let process = child.withLock({ $0 }) else { return }
        Task.detached {
            while process.isRunning { try? await Task.sleep(for: .milliseconds(5)) }
        }
    }

    /// Suspends the server (SIGSTOP): it keeps its connections and does not answer.
    public func pause() { signal(.stop) }

    /// Resumes the server after ``pause()`` (SIGCONT).
    public func unpause() { signal(.proceed) }

    /// Stops the server (SIGTERM) and waits for its end; after five seconds it is killed.
    public func stop() async {
        signal(.proceed)
        signal(.terminate)
        if await !isGone(within: .seconds(5)) {
            kill()
            _ = await isGone(within: .seconds(5))
        }
        child.withLock { $0 = nil }
        try? FileManager.default.removeItem(atPath: pidPath)
    }

    /// Restarts the server with the same directory, socket and options; a running server is stopped first.
    ///
    /// - Parameter limit: the time limit for starting.
    /// - Throws: ``PrivateRedisServerError``.
    public func restart(within limit: Duration = .seconds(20)) async throws {
        if await !isGone(within: .milliseconds(500)) { await stop() }
        try await launch(within: limit)
    }

    private func signal(_ signal: ChildProcess.Signal) {
        ChildProcess.send(signal, to: processID)
    }
}

// MARK: - Starting

extension PrivateRedisServer {
    private func launch(within limit: Duration) async throws {
        try? FileManager.default.removeItem(atPath: pidPath)
        let started = try ChildProcess(supervising: arguments, pidPath: pidPath, logPath: logPath)
        child.withLock { $0 = started }
        let end = ContinuousClock.now + limit
        while await !answers() {
            guard isRunning else { throw PrivateRedisServerError.ended(log: logTail()) }
            guard ContinuousClock.now < end else {
                kill()
                throw PrivateRedisServerError.noAnswer(within: limit, log: logTail())
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Whether the socket accepts connections and the server is ready.
    private func answers() async -> Bool {
        guard FileManager.default.fileExists(atPath: socketPath),
            var configuration = try? RedisConfiguration(url: url)
        else { return false }
        configuration.reportsMetrics = false
        configuration.connectTimeout = .seconds(1)
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let core = RedisCore(configuration, loop: loop)
        defer { core.close() }
        do throws(RedisError) {
            _ = try await RedisConnector(configuration, loop: loop).open(for: core)
            return true
        } catch {
            return error.code == .authentication  // A server that requires a password is ready.
        }
    }

    private func isGone(within limit: Duration) async -> Bool {
        let end = ContinuousClock.now + limit
        while isRunning {
            guard ContinuousClock.now < end else { return false }
            // Continues after a cancellation: the process must be waited for.
            await Self.nap()
        }
        return true
    }

    private static func nap() async {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        try? await loop.scheduleTask(in: .milliseconds(3)) {}.futureResult.get()
    }

    private func logTail() -> String {
        let log = (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? ""
        return log.split(separator: "\n").suffix(5).joined(separator: "\n")
    }

    private static func findProgram() -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/redis-server" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}

/// Why a private redis-server is not running.
///
/// ```swift
/// do {
///     let server = try await PrivateRedisServer.start(directory: directory)
///     print(server.url)
/// } catch PrivateRedisServerError.notInstalled {
///     print("this test needs redis-server")
/// }
/// ```
public enum PrivateRedisServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// `redis-server` is not in `PATH`.
    case notInstalled
    /// The process could not be started; the number is the `errno`.
    case cannotStart(errno: Int32)
    /// The process ended; the text is the end of its log.
    case ended(log: String)
    /// It was not ready in time; the text is the end of its log.
    case noAnswer(within: Duration, log: String)

    /// What happened and what to do.
    public var description: String {
        switch self {
        case .notInstalled:
            "redis-server is not in PATH. Install it (Debian: apt-get install redis-server) or extend PATH."
        case .cannotStart(let errno): "redis-server cannot be started (errno \(errno)). Check limits and permissions."
        case .ended(let log): "redis-server exited at once. Check its options and its log, which ends with:\n\(log)"
        case .noAnswer(let limit, let log): "redis-server was not ready within \(limit). Its log ends with:\n\(log)"
        }
    }
}
