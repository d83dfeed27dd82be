// The executor on the thread that reads a store's replies.

import MartletEventLoop
import MartletRedis

extension Queue {
    /// The executor for tasks that push or read jobs one after another; see ``JobStore/executor``.
    public var executor: any TaskExecutor { store.executor }
}

extension JobStore {
    /// A task executor on the thread of the store's connection.
    ///
    /// A task that awaits many replies, for instance within `withTaskExecutorPreference`, continues without thread
    /// switches. Code on it must not block or compute for long, since that blocks the connection.
    public var executor: any TaskExecutor { redis.executor }

    /// Calls `body` on that thread at or soon after `instant`.
    package func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        redis.eventLoop.call(at: instant, body)
    }
}
