// Runs a connection's tasks on its event loop, to avoid thread switches.

import NIOCore
import Synchronization

/// Runs tasks on one event loop; tasks enqueued before it runs them run in one batch.
final class LoopExecutor: TaskExecutor {
    private struct State {
        var waiting: [UnownedJob] = []
        var isScheduled = false
    }

    private let loop: any EventLoop
    private let state = Mutex(State())
    /// The actions at the end of the current batch.
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

    /// Flushes a connection, at the end of the batch if one runs, so that its responses leave together.
    func flush(_ context: ChannelHandlerContext) {
        if round.value.isRunning { round.value.flushes.append(context) } else { context.flush() }
    }

    /// Tasks that these enqueue wait for the loop's next tick, so that its connections are served.
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

/// Lets the executor of the connection's tasks decide when to flush.
final class BatchFlusher: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let executor: LoopExecutor

    init(_ executor: LoopExecutor) { self.executor = executor }

    func flush(context: ChannelHandlerContext) { executor.flush(context) }

    /// Unflushed data would be lost with the connection.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        context.flush()
        context.close(mode: mode, promise: promise)
    }
}

/// One executor per event loop with connections.
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
