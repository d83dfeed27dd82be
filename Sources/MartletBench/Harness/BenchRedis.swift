// The Redis of one measurement: a private new one, or the given one, which must be empty.

import Dispatch
import FoundationEssentials
import MartletCommandSupport
import MartletRedis

/// The settings of a private Redis.
enum BenchRedisKind: Sendable, Hashable {
    /// Redis' default settings, without persistence.
    case stock
    /// As `stock`, with the memory settings that Martlet recommends.
    case shipped
    /// As `stock`, with an append-only file that is synced every second.
    case appendOnly

    /// The prefix of the names of bounds that were measured with it.
    var name: String {
        switch self {
        case .stock: "stock"
        case .shipped: "shipped"
        case .appendOnly: "aof"
        }
    }

    var options: [String] {
        switch self {
        case .stock: ["--appendonly", "no"]
        case .shipped:
            ["--appendonly", "no", "--hash-max-listpack-value", "1024", "--hash-max-listpack-entries", "64"]
        case .appendOnly: ["--appendonly", "yes", "--appendfsync", "everysec"]
        }
    }
}

/// A Redis that is empty when a measurement begins.
///
/// It is reached over TCP, as in production and as peers expect.
final class BenchRedis: Sendable {
    let url: String
    let address: RedisAddress
    private let server: PrivateRedisServer?

    /// Starts a Redis in `directory`, or empties the one at `given`, which was found empty before.
    static func start(_ kind: BenchRedisKind, given: String?, directory: String) async throws -> BenchRedis {
        guard let given else {
            let port = try await LoopbackPort.free()
            let options = kind.options + ["--enable-debug-command", "local"]
            let server = try await PrivateRedisServer.start(directory: directory, options: options, port: port)
            return try BenchRedis("redis://127.0.0.1:\(port)", server)
        }
        let redis = try BenchRedis(given, nil)
        try await redis.use { _ = try $0.command(["FLUSHALL"]) }
        return redis
    }

    private init(_ url: String, _ server: PrivateRedisServer?) throws {
        self.url = url
        self.server = server
        address = try RedisAddress(url)
    }

    /// Throws unless the Redis at `url` has no keys: a benchmark deletes everything there.
    static func checkEmpty(_ url: String) async throws {
        let size = try await BenchRedis(url, nil).use { redis in try redis.command(["DBSIZE"]).integer ?? 0 }
        guard size == 0 else {
            throw CommandFailure(
                .usage, "--redis \(url) has \(size) keys, and the benchmark deletes everything: give it an empty one")
        }
    }

    /// Calls `body` with a connection, on a thread that may block.
    func use<Value: Sendable>(_ body: @escaping @Sendable (RawRedis) throws -> Value) async throws -> Value {
        let address = address
        return try await Blocking.run { try body(RawRedis(address)) }
    }

    /// Reads Redis' counters.
    func read() async throws -> RedisReading {
        try await use { RedisReading(try $0.command(["INFO", "everything"]).text ?? "") }
    }

    /// Waits until a private Redis has finished rehashing its keys into a larger table.
    ///
    /// Redis rehashes in small steps, with each command and ten times a second. All commands cost more until it has
    /// finished.
    func waitUntilGrown() async throws {
        guard server != nil else { return }
        let limit = BenchClock.now + 120
        _ = try await use { try $0.command(["CONFIG", "SET", "hz", "500"]) }
        while try await use({ try $0.command(["DEBUG", "HTSTATS", "0"]).text?.contains("rehashing target") ?? false }) {
            guard BenchClock.now < limit else { throw CommandFailure(.failed, "Redis is still rehashing its keys") }
            try await Task.sleep(for: .milliseconds(200))
        }
        _ = try await use { try $0.command(["CONFIG", "SET", "hz", "10"]) }
    }

    /// Stops a private Redis; deletes all keys of a given one.
    func stop() async {
        if let server { return await server.stop() }
        try? await use { _ = try $0.command(["FLUSHALL"]) }
    }
}

/// Work that blocks its thread.
enum Blocking {
    private static let queue = DispatchQueue(label: "martlet.bench", attributes: .concurrent)

    /// Runs `body` on a thread outside of Swift's pool.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }
}
