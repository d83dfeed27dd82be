// The keys of a queue, all under one hash tag, in the order in which every script takes them.

import MartletRedis

/// The keys of one queue.
struct QueueKeys: Sendable {
    /// The names behind the queue's prefix, in the scripts' order; the first is the prefix of the jobs' own keys.
    static let names = [
        "job:", "queued", "delayed", "active", "paused", "completed", "failed", "cancelled", "meta", "wake", "claims",
        "unique", "tomb", "tombs", "workers",
    ]

    /// `<prefix>:{<queue>}:`.
    let prefix: String
    /// All keys, encoded once.
    let arguments: RedisArguments
    /// The hash of the queue's own numbers.
    let meta: String
    /// The list on which idle workers wait.
    let wake: String

    init(prefix: String, queue: QueueName) {
        self.prefix = "\(prefix):{\(queue)}:"
        var arguments = RedisArguments()
        for name in Self.names { arguments.append(self.prefix + name) }
        self.arguments = arguments
        meta = self.prefix + "meta"
        wake = self.prefix + "wake"
    }
}
