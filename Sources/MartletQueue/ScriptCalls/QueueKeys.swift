// The keys of a queue, all under one hash tag.

import MartletRedis

/// The keys of one queue.
struct QueueKeys: Sendable {
    /// `<prefix>:{<queue>}:`.
    ///
    /// The scripts build all other keys from it.
    let prefix: String
    /// The key argument of the scripts, encoded once.
    let arguments: RedisArguments
    /// The hash of the queue's settings, flags and counters.
    let meta: String
    /// The list on which idle workers wait.
    let wake: String
    /// The stream of what happened, while anybody listens.
    let events: String
    /// The stream of what operators did.
    let trail: String

    init(prefix: String, queue: QueueName) {
        self.prefix = "\(prefix):{\(queue)}:"
        arguments = RedisArguments(self.prefix)
        meta = self.prefix + "meta"
        wake = self.prefix + "wake"
        events = self.prefix + "events"
        trail = self.prefix + "trail"
    }
}
