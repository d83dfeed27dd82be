// The keys of a queue, all under one hash tag.

import MartletRedis

/// The keys of one queue.
struct QueueKeys: Sendable {
    /// `<prefix>:{<queue>}:`; the scripts make the names of all other keys of it.
    let prefix: String
    /// The one key that the scripts take, encoded once.
    let arguments: RedisArguments
    /// The hash of the queue's own numbers.
    let meta: String
    /// The list on which idle workers wait.
    let wake: String

    init(prefix: String, queue: QueueName) {
        self.prefix = "\(prefix):{\(queue)}:"
        arguments = RedisArguments(self.prefix)
        meta = self.prefix + "meta"
        wake = self.prefix + "wake"
    }
}
