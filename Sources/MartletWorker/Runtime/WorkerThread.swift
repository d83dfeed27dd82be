// The threads of a worker that stay responsive whatever the handlers do.

import Dispatch
import MartletQueue

/// A thread with a timer that a loop of the worker runs on.
protocol TimerExecutor: Sendable {
    /// Runs tasks on the thread.
    var executor: any TaskExecutor { get }

    /// Calls `body` on the thread at or soon after `instant`.
    func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void)
}

/// The thread of the store's connection.
///
/// Turns run on it, so replies need no thread switch.
struct StoreExecutor: TimerExecutor {
    let store: JobStore

    var executor: any TaskExecutor { store.executor }

    func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        store.call(at: instant, body)
    }
}

/// A dedicated thread for heartbeats, sweeps and the lease guard.
///
/// Handlers that compute without pause can occupy every thread of the handler pool. Lease extensions and their timers
/// must not wait behind them.
final class WorkerThread: TaskExecutor, TimerExecutor {
    // A serial queue takes its thread from outside Swift's cooperative pool.
    private let queue = DispatchQueue(label: "martlet.worker", qos: .userInitiated)

    var executor: any TaskExecutor { self }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        let left = max(.zero, instant - .now).components
        // A day is long enough; larger values overflow nanoseconds.
        let nanoseconds = min(left.seconds, 86_400) * 1_000_000_000 + left.attoseconds / 1_000_000_000
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(nanoseconds)), execute: body)
    }
}
