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
    /// Finds the queue's keys of another type; one round trip.
    ///
    /// Keys whose type Redis does not tell, because `TYPE` is denied, count as right.
    package func foreignKeys() async -> [ForeignKey] {
        let replies = await store.redis.send(Schema.keys.map { .command("TYPE", keys.prefix + $0.name) })
        return zip(Schema.keys, replies).compactMap { wanted, reply in
            guard let type = try? reply.get().string, type != "none", type != wanted.type else { return nil }
            return ForeignKey(key: keys.prefix + wanted.name, type: type, expected: wanted.type)
        }
    }
}
