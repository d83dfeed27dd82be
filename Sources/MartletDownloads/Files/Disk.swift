// Threads of their own for file work, so that a slow disk never blocks tasks or event loops.

import NIOCore
import NIOPosix

enum Disk {
    /// Lives as long as the process.
    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: max(4, System.coreCount * 2))
        pool.start()
        return pool
    }()

    /// Runs blocking work and returns what it returns.
    ///
    /// Cancelling the task does not end it: a half-done step on disk helps nobody.
    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await start(work).get()
    }

    /// Starts blocking work whose result is asked for later.
    static func start<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) -> EventLoopFuture<Value> {
        pool.runIfActive(eventLoop: MultiThreadedEventLoopGroup.singleton.any(), work)
    }
}
