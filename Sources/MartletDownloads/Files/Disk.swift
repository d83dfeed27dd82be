// Dedicated threads for file I/O, so that a slow disk never blocks tasks or event loops.

import NIOCore
import NIOPosix

enum Disk {
    /// Lives as long as the process.
    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: max(4, System.coreCount * 2))
        pool.start()
        return pool
    }()

    /// Runs blocking work and returns its result.
    ///
    /// Cancelling the task does not stop the work, since a step that is half done is of no use.
    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await start(work).get()
    }

    /// Starts blocking work and returns a future of its result.
    static func start<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) -> EventLoopFuture<Value> {
        pool.runIfActive(eventLoop: MultiThreadedEventLoopGroup.singleton.any(), work)
    }
}
