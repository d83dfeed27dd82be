// The thread pool for handlers: one thread per core, woken once per batch of jobs.

import DequeModule
import Dispatch
import FoundationEssentials
import Synchronization

/// Runs handlers on threads of the system's pool.
///
/// Swift's own pool wakes a thread for every task that becomes ready. When a claim returns a hundred short jobs, this
/// costs more than the jobs. This pool wakes one thread per batch. Each thread that finds more work wakes another one,
/// so long handlers do not wait for each other while a core is free.
final class HandlerPool: TaskExecutor {
    private struct State {
        var waiting = Deque<UnownedJob>()
        /// The number of threads that run or look for work.
        var runners = 0
        /// The number of batches being gathered.
        var holds = 0

        /// Whether to start another thread; counts it if so.
        mutating func startsRunner(_ width: Int) -> Bool {
            guard holds == 0, !waiting.isEmpty, runners < width else { return false }
            runners += 1
            return true
        }
    }

    private let width: Int
    private let threads = DispatchQueue.global(qos: .userInitiated)
    private let state = Mutex(State())

    /// Creates a pool of at most `width` threads.
    init(width: Int = ProcessInfo.processInfo.activeProcessorCount) { self.width = max(1, width) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let starts = state.withLock { state in
            state.waiting.append(job)
            return state.startsRunner(width)
        }
        if starts { startRunner() }
    }

    /// Runs `body` and wakes no thread until it returns, so that everything it enqueues is one batch.
    func gather<Result>(_ body: () -> Result) -> Result {
        state.withLock { $0.holds += 1 }
        let result = body()
        let starts = state.withLock { state in
            state.holds -= 1
            return state.startsRunner(width)
        }
        if starts { startRunner() }
        return result
    }

    /// Runs `body`; the calling pool thread picks up what it enqueues, since its own task is about to end.
    func handOver(_ body: () -> Void) {
        state.withLock { $0.holds += 1 }
        body()
        state.withLock { $0.holds -= 1 }
    }

    private func startRunner() {
        threads.async { self.work() }
    }

    /// Runs waiting jobs until none is left.
    private func work() {
        while true {
            let (job, starts) = state.withLock { state -> (UnownedJob?, Bool) in
                guard let job = state.waiting.popFirst() else {
                    state.runners -= 1
                    return (nil, false)
                }
                return (job, state.startsRunner(width))
            }
            guard let job else { return }
            if starts { startRunner() }
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
