// The commands that prove a push's durability, and how to read their replies. Pure.

import MartletJobs
import MartletRedis

/// A Redis version.
struct RedisVersion: Sendable, Hashable, Comparable {
    var major: Int
    var minor: Int

    /// Parses `7.0.15`; `nil` unless the text begins with two numbers.
    init?(_ text: String) {
        let parts = text.split(separator: ".").prefix(2).compactMap { Int($0) }
        guard parts.count == 2 else { return nil }
        (major, minor) = (parts[0], parts[1])
    }

    static func < (left: RedisVersion, right: RedisVersion) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

/// The proof that all writes of a connection are as durable as required.
///
/// It is sent directly after the writes on the same connection.
enum DurabilityProof: Sendable, Hashable {
    /// WAITAOF: the server and this many replicas have it on disk.
    case synced(replicas: Int, milliseconds: Int)
    /// WAIT: this many replicas have it in memory.
    case replicated(replicas: Int, milliseconds: Int)
    /// The server's settings guarantee that it answers no write before it is on disk.
    case settings

    /// The settings, with values, that make every answer a confirmation.
    static let safeSettings = ["appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no"]

    /// The proof for a server of this version; `nil` where memory is enough.
    init?(of durability: Durability, version: RedisVersion?, within limit: Duration) {
        let milliseconds = max(1, limit.inMilliseconds)
        let knowsWaitAOF = version.map { ($0.major, $0.minor) >= (7, 2) } ?? false
        switch durability {
        case .memory: return nil
        case .fsync: self = knowsWaitAOF ? .synced(replicas: 0, milliseconds: milliseconds) : .settings
        case .replicated where knowsWaitAOF: self = .synced(replicas: 1, milliseconds: milliseconds)
        case .replicated: self = .replicated(replicas: 1, milliseconds: milliseconds)
        }
    }

    /// The command.
    var words: [String] {
        switch self {
        case .synced(let replicas, let milliseconds): ["WAITAOF", "1", "\(replicas)", "\(milliseconds)"]
        case .replicated(let replicas, let milliseconds): ["WAIT", "\(replicas)", "\(milliseconds)"]
        case .settings: ["CONFIG", "GET"] + Self.safeSettings.keys.sorted()
        }
    }

    /// Why the reply is no proof; `nil` when it is one.
    func objection(to answer: Result<RedisValue, RedisError>) -> String? {
        switch answer {
        case .failure(let error): objection(to: error)
        case .success(let value): objection(to: value)
        }
    }

    private func objection(to value: RedisValue) -> String? {
        switch self {
        case .synced(let replicas, let milliseconds):
            guard let counts = value.array, counts.count == 2, let local = counts[0].int, let others = counts[1].int
            else { return Self.strange }
            if local < 1 { return "Redis has not written it to its disk within \(milliseconds) ms" }
            return others < replicas ? "no replica has written it to its disk within \(milliseconds) ms" : nil
        case .replicated(let replicas, let milliseconds):
            guard let count = value.int else { return Self.strange }
            return count < replicas ? "no replica has confirmed it within \(milliseconds) ms" : nil
        case .settings:
            guard let pairs = value.array else { return Self.strange }
            let found = Queue.words(pairs)
            let wrong = Self.safeSettings.sorted { $0.key < $1.key }.first { found[$0.key] != $0.value }
            return wrong.map { name, wanted in
                "this Redis tells only with \(name) \(wanted) that a push is on disk, and has "
                    + (found[name] ?? "another setting") + "; Redis 7.2 and newer can be asked"
            }
        }
    }

    private func objection(to error: RedisError) -> String {
        switch (self, error.outcome) {
        case (.settings, .verdict): "this Redis does not report whether a push is on disk: \(error.message)"
        case (_, .verdict): "Redis refused to wait: \(error.message)"
        default: "the connection to Redis failed while waiting: \(error.message)"
        }
    }

    private static var strange: String { "Redis answered what was not expected" }
}
