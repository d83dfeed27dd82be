// A redis-server of our own, as a child process: for development, demos, benchmarks and tests.

import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization

/// A redis-server that belongs to this process and ends with it.
///
/// It listens on a unix socket, and if wanted on a port of the loopback interface. It keeps its data and its log in a
/// directory of its own. When this process dies, in whatever way, the server is killed.
public final class PrivateRedisServer: Sendable {
    /// The most bytes that the path of a unix socket may have.
    static let longestSocketPath = 107

    /// Where it listens.
    public let socketPath: String
    /// Its port on the loopback interface; 0 when it has none.
    public let port: Int
    /// Its log file.
    public let logPath: String

    private let arguments: [String]
    private let pidPath: String
    private let child = Mutex<ChildProcess?>(nil)

    /// Starts a server and waits until it answers.
    ///
    /// - Parameters:
    ///   - directory: holds its data and its log; made if it is missing.
    ///   - options: directives of redis.conf as command line arguments, for instance `["--appendonly", "yes"]`. They
    ///     win over ours, which are: no port, the socket, and without `configurationFile` no snapshots.
    ///   - port: the port on the loopback interface, or 0 for none.
    ///   - configurationFile: a redis.conf to begin with.
    ///   - limit: how long starting may take; loading a large data set needs more.
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
        // The kernel limits the path; a deep directory gets its socket elsewhere.
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

    /// The server's process, 0 when it does not run.
    public var processID: Int32 {
        guard isRunning, let text = try? String(contentsOfFile: pidPath, encoding: .utf8) else { return 0 }
        return Int32(text.prefix { $0.isNumber }) ?? 0
    }

    /// Whether the process is there.
    public var isRunning: Bool { child.withLock { $0?.isRunning ?? false } }

    /// Ends it as a crash would (SIGKILL).
    public func kill() {
        signal(.kill)
        // Waits for the process in the background, so that it does not stay as a zombie.
        guard let process = child.withLock({ $0 }) else { return }
        Task.detached {
            while process.isRunning { try? await Task.sleep(for: .milliseconds(5)) }
        }
    }

    /// Freezes it (SIGSTOP): it keeps its connections and answers nothing.
    public func pause() { signal(.stop) }

    /// Lets it go on after ``pause()`` (SIGCONT).
    public func unpause() { signal(.proceed) }

    /// Ends it in order (SIGTERM) and waits until it is gone; after five seconds it is killed.
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

    /// Starts it again with the same directory, socket and options, after ``stop()`` or ``kill()``; if it runs, it is
    /// stopped first.
    ///
    /// - Parameter limit: how long starting may take.
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

    /// Whether a connection to the socket can be made and the server is ready for commands.
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
            return error.code == .authentication  // It wants a password, so it is there.
        }
    }

    private func isGone(within limit: Duration) async -> Bool {
        let end = ContinuousClock.now + limit
        while isRunning {
            guard ContinuousClock.now < end else { return false }
            // Also when our task is cancelled: the process must be waited for.
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

/// Why a private redis-server does not run.
public enum PrivateRedisServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// There is no redis-server in PATH.
    case notInstalled
    /// The system could not start the process; the number is its errno.
    case cannotStart(errno: Int32)
    /// It ended by itself; the text is the end of its log.
    case ended(log: String)
    /// It did not become ready in time; the text is the end of its log.
    case noAnswer(within: Duration, log: String)

    /// What happened and what to do.
    public var description: String {
        switch self {
        case .notInstalled:
            "redis-server is not in PATH. Install it (Debian: apt-get install redis-server) or extend PATH."
        case .cannotStart(let errno): "redis-server cannot be started (errno \(errno)). Check limits and permissions."
        case .ended(let log): "redis-server ended at once. Check its options and its log, which ends with:\n\(log)"
        case .noAnswer(let limit, let log): "redis-server was not ready within \(limit). Its log ends with:\n\(log)"
        }
    }
}
