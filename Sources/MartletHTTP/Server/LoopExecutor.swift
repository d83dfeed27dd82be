// Runs the tasks of a connection on its own event loop, so that a request changes threads no more often than it must.

import NIOCore
import Synchronization

/// Runs tasks on one event loop; those that gather before the loop comes to them run in one round.
final class LoopExecutor: TaskExecutor {
    private struct State {
        var waiting: [UnownedJob] = []
        var isScheduled = false
    }

    private let loop: any EventLoop
    private let state = Mutex(State())
    /// What waits for the end of the round that runs just now.
    private let round: NIOLoopBoundBox<Round>

    private struct Round {
        var isRunning = false
        var flushes: [ChannelHandlerContext] = []
    }

    init(_ loop: any EventLoop) {
        self.loop = loop
        round = .makeBoxSendingValue(Round(), eventLoop: loop)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = state.withLock { state in
            state.waiting.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if isFirst { loop.execute { self.runWaiting() } }
    }

    /// Flushes a connection: at the end of the round where one runs, so that its answers leave one right behind the other
    /// and wake a client of many connections once.
    func flush(_ context: ChannelHandlerContext) {
        if round.value.isRunning { round.value.flushes.append(context) } else { context.flush() }
    }

    /// What these jobs enqueue waits for the loop's next round, so that its connections get their turn.
    private func runWaiting() {
        let jobs = state.withLock { state in
            state.isScheduled = false
            return exchange(&state.waiting, with: [])
        }
        round.value.isRunning = true
        for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
        round.value.isRunning = false
        for context in exchange(&round.value.flushes, with: []) { context.flush() }
    }
}

/// Leaves it to the executor of the connection's tasks when to flush.
final class BatchFlusher: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let executor: LoopExecutor

    init(_ executor: LoopExecutor) { self.executor = executor }

    func flush(context: ChannelHandlerContext) { executor.flush(context) }

    /// What is not flushed yet would be lost with the connection.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        context.flush()
        context.close(mode: mode, promise: promise)
    }
}

/// One executor for each event loop that has connections.
final class LoopExecutors: Sendable {
    private let executors = Mutex<[ObjectIdentifier: LoopExecutor]>([:])

    func executor(of loop: any EventLoop) -> LoopExecutor {
        executors.withLock { executors in
            if let executor = executors[ObjectIdentifier(loop)] { return executor }
            let executor = LoopExecutor(loop)
            executors[ObjectIdentifier(loop)] = executor
            return executor
        }
    }
}
