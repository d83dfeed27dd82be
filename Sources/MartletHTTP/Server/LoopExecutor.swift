// Runs the tasks of a connection on its own event loop, so that a request changes threads no more often than it must.

import NIOCore
import Synchronization

/// Runs tasks on one event loop; those that gather before the loop comes to them run in one go.
final class LoopExecutor: TaskExecutor {
    private struct State {
        var waiting: [UnownedJob] = []
        var isScheduled = false
    }

    private let loop: any EventLoop
    private let state = Mutex(State())

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = state.withLock { state in
            state.waiting.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if isFirst { loop.execute { self.runWaiting() } }
    }

    /// What these jobs enqueue waits for the loop's next round, so that its connections get their turn.
    private func runWaiting() {
        let jobs = state.withLock { state in
            state.isScheduled = false
            return exchange(&state.waiting, with: [])
        }
        for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
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
