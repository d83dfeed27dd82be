// The thread on which a store's replies arrive, for those who talk to it all the time.

import MartletRedis

extension Queue {
    /// Where tasks run that push or read one by one all the time; see ``JobStore/executor``.
    public var executor: any TaskExecutor { store.executor }
}

extension JobStore {
    /// Runs tasks on the thread of the store's connection.
    ///
    /// What awaits one reply after another there, for instance within `withTaskExecutorPreference`, goes on without a
    /// change of threads. Nothing that computes for long or blocks may run on it: the connection would stand still.
    public var executor: any TaskExecutor { redis.executor }

    /// Calls `body` on that thread at `instant` or soon after.
    package func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        redis.executor.call(at: instant, body)
    }
}
