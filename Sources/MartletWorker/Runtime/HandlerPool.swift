// The threads on which handlers run: as many as there are cores, and woken once for a whole batch of jobs.

import DequeModule
import Dispatch
import FoundationEssentials
import Synchronization

/// Runs handlers on threads of the system's pool.
///
/// Swift's own pool wakes a thread for every task that becomes ready; when a claim brings a hundred short jobs, that
/// costs more than the jobs. Here the first is woken for all of them, and each thread that finds more work than it takes
/// wakes the next one, so that long handlers never wait for one another while a core is free.
final class HandlerPool: TaskExecutor {
    private struct State {
        var waiting = Deque<UnownedJob>()
        /// Threads that look for work or do it.
        var runners = 0
        /// How many batches are being gathered.
        var holds = 0

        /// Whether one more thread is to be started, which then counts.
        mutating func startsRunner(_ width: Int) -> Bool {
            guard holds == 0, !waiting.isEmpty, runners < width else { return false }
            runners += 1
            return true
        }
    }

    private let width: Int
    private let threads = DispatchQueue.global(qos: .userInitiated)
    private let state = Mutex(State())

    /// A pool of at most `width` threads.
    init(width: Int = ProcessInfo.processInfo.activeProcessorCount) { self.width = max(1, width) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let starts = state.withLock { state in
            state.waiting.append(job)
            return state.startsRunner(width)
        }
        if starts { startRunner() }
    }

    /// Wakes nobody before `body` has returned: what it enqueues is one batch.
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

    /// What `body` enqueues is taken up by the thread that calls, which runs a task of this pool and is at its end.
    func handOver(_ body: () -> Void) {
        state.withLock { $0.holds += 1 }
        body()
        state.withLock { $0.holds -= 1 }
    }

    private func startRunner() {
        threads.async { self.work() }
    }

    /// Runs what waits until nothing does.
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
