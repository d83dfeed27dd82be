// The two threads on which a worker keeps its promises, whatever the handlers do.

import Dispatch
import MartletQueue

/// A thread with a timer: where a loop of the worker runs and what wakes it.
protocol WorkerLane: Sendable {
    /// Runs tasks on the thread.
    var executor: any TaskExecutor { get }

    /// Calls `body` on the thread at `instant` or soon after.
    func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void)
}

/// The thread of the store's connection, for turns: a reply goes on where it arrived.
struct ConnectionLane: WorkerLane {
    let store: JobStore

    var executor: any TaskExecutor { store.executor }

    func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        store.call(at: instant, body)
    }
}

/// A thread of the worker's own, for beats and all else that is not in a hurry.
///
/// Handlers run on as many threads as there are cores; some that compute without pause can fill them. What extends leases must not stand in that line, and neither must its timers.
final class WorkerThread: TaskExecutor, WorkerLane {
    // A serial queue takes its thread from outside the pool that Swift's tasks share.
    private let queue = DispatchQueue(label: "martlet.worker", qos: .userInitiated)

    var executor: any TaskExecutor { self }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        let left = max(.zero, instant - .now).components
        // A day is as good as never, and nanoseconds beyond it overflow somewhere.
        let nanoseconds = min(left.seconds, 86_400) * 1_000_000_000 + left.attoseconds / 1_000_000_000
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(nanoseconds)), execute: body)
    }
}
