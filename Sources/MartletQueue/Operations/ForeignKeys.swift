// Keys of a queue that have another Redis type than Martlet's, so that no script can work on the queue.

import MartletRedis

/// A key of a queue with a type that is not Martlet's.
package struct ForeignKey: Sendable, CustomStringConvertible {
    /// The Redis key.
    package var key: String
    /// Its type, as `TYPE` says it.
    package var type: String
    /// The type that it should have.
    package var expected: String

    /// The key, its type and the type that it should have.
    package var description: String { "\(key): \(what)" }

    /// What is wrong with it.
    package var what: String { "is a \(type), not a \(expected)" }
}

extension Queue {
    /// The types of a queue's own keys, by the names behind its prefix.
    private static let types: [(name: String, type: String)] = [
        ("queued", "zset"), ("delayed", "zset"), ("active", "zset"), ("paused", "zset"), ("completed", "zset"),
        ("failed", "zset"), ("cancelled", "zset"), ("meta", "hash"), ("wake", "list"), ("claims", "hash"),
        ("unique", "hash"), ("tomb", "zset"), ("tombs", "hash"), ("workers", "hash"),
    ]

    /// Finds the queue's keys of another type; one round trip.
    ///
    /// Keys whose type Redis does not tell, because `TYPE` is denied, count as right.
    package func foreignKeys() async -> [ForeignKey] {
        let replies = await store.redis.send(Self.types.map { .command("TYPE", keys.prefix + $0.name) })
        return zip(Self.types, replies).compactMap { wanted, reply in
            guard let type = try? reply.get().string, type != "none", type != wanted.type else { return nil }
            return ForeignKey(key: keys.prefix + wanted.name, type: type, expected: wanted.type)
        }
    }
}
