// Real redis-servers for tests: one shared by all tests of a process, and separate ones for tests that break theirs.

import FoundationEssentials
public import MartletRedis
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The one redis-server of a test process.
///
/// The first test that uses it starts it; it ends with the process.
public enum SharedRedis {
    private static let starting = Task { try await startServer() }

    /// The server.
    public static func server() async throws -> PrivateRedisServer { try await starting.value }

    /// The URL of the server.
    public static func url() async throws -> String { try await server().url }

    /// A configuration for the server, with the defaults of a user.
    public static func configuration() async throws -> RedisConfiguration {
        try RedisConfiguration(url: try await url())
    }

    private static func startServer() async throws -> PrivateRedisServer {
        let directory = temporaryDirectory("shared")
        // The process may end without running any code; the server ends with it in any case.
        atexit { TemporaryDirectories.removeAll() }
        return try await PrivateRedisServer.start(
            directory: directory, options: ["--hash-max-listpack-value", "1024", "--appendonly", "no"],
            within: .seconds(60))
    }
}

/// A key prefix that no other test uses.
public func uniquePrefix() -> String {
    "t" + UUID().uuidString.filter { $0 != "-" }.lowercased().prefix(12)
}

/// Creates a directory with a short name; it is removed when the process exits normally.
public func temporaryDirectory(_ purpose: String = "test") -> String {
    let path = "/tmp/martlet-\(purpose)-\(getpid())-\(UUID().uuidString.prefix(8).lowercased())"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    TemporaryDirectories.add(path)
    return path
}

/// The directories to remove at exit.
private enum TemporaryDirectories {
    private static let paths = Mutex<[String]>([])

    static func add(_ path: String) { paths.withLock { $0.append(path) } }

    static func removeAll() {
        for path in paths.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }
}
