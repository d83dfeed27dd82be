// The thread on which a worker keeps its promises: beats, turns and sweeps run here, whatever the handlers do.

import Dispatch

/// Runs the worker's own tasks on a thread of their own.
///
/// Handlers run on Swift's cooperative pool, which has as many threads as there are cores; some that compute without
/// pause can fill it. What extends leases must not stand in that line, and neither must its timers.
final class WorkerThread: TaskExecutor {
    // A serial queue takes its thread from outside the pool that Swift's tasks share.
    private let queue = DispatchQueue(label: "martlet.worker", qos: .userInitiated)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// Calls `body` on this thread at `instant` or soon after.
    func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        let left = max(.zero, instant - .now).components
        // A day is as good as never, and nanoseconds beyond it overflow somewhere.
        let nanoseconds = min(left.seconds, 86_400) * 1_000_000_000 + left.attoseconds / 1_000_000_000
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(nanoseconds)), execute: body)
    }
}
