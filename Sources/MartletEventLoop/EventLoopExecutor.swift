// Runs tasks on an event loop, so that a task that awaits its connections continues without a thread switch.

package import NIOCore
import Synchronization

/// A task executor on the thread of an event loop.
///
/// A task that prefers this executor resumes on the thread that reads its connections, so a round trip needs no thread
/// switch. The connections run on the same thread: work on it must be short and must never block.
///
/// Tasks that are enqueued before the loop runs them run in one batch. Batches follow each other until none is left or
/// the time is used up; then the loop serves its sockets before the remaining tasks.
package final class EventLoopExecutor: TaskExecutor {
    /// How long tasks may run, in nanoseconds, before the loop's sockets are served.
    static let timeSlice: Int64 = 1_000_000

    private struct State {
        var waiting: [UnownedJob] = []
        var isScheduled = false
    }

    /// The batch that runs, as its tasks see it.
    private struct Batch {
        var isRunning = false
        var flushes: [ChannelHandlerContext] = []
    }

    private let loop: any EventLoop
    private let notifier: PollNotifier
    private let state = Mutex(State())
    private let batch: NIOLoopBoundBox<Batch>

    /// Creates an executor on the thread of `loop`.
    package init(_ loop: any EventLoop) {
        self.loop = loop
        notifier = PollNotifier(loop)
        batch = .makeBoxSendingValue(Batch(), eventLoop: loop)
    }

    /// Runs `job` on the loop's thread, after the jobs enqueued before it.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = state.withLock { state in
            state.waiting.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        // One hand-over to the loop for all jobs that are enqueued before it runs.
        if isFirst { loop.execute { self.drain() } }
    }

    /// Calls `body` on the loop's thread.
    ///
    /// - Parameters:
    ///   - instant: when to call it; at most a day ahead.
    ///   - body: must be short and must not block.
    package func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        let left = min(max(.zero, instant - .now), .seconds(86_400))
        loop.scheduleTask(in: TimeAmount(left), body)
    }

    /// Flushes a channel when the current batch ends, so that what its tasks write leaves together.
    ///
    /// Flushes at once when no batch runs. Call it on the loop.
    package func flush(_ context: ChannelHandlerContext) {
        if batch.value.isRunning { batch.value.flushes.append(context) } else { context.flush() }
    }

    /// Runs waiting jobs, including new ones, until none is left or the time is used up.
    private func drain() {
        let end = NIODeadline.now() + .nanoseconds(Self.timeSlice)
        var jobs: [UnownedJob] = []
        while true {
            jobs.removeAll(keepingCapacity: true)
            let isEmpty = state.withLock { state in
                swap(&state.waiting, &jobs)
                if jobs.isEmpty { state.isScheduled = false }
                return jobs.isEmpty
            }
            if isEmpty { return }
            if let rest = run(jobs, until: end) { return putOff(rest) }
        }
    }

    /// Runs a batch, then flushes.
    ///
    /// - Returns: the jobs that remain when the time is used up, perhaps none; `nil` while time is left.
    private func run(_ jobs: [UnownedJob], until end: NIODeadline) -> ArraySlice<UnownedJob>? {
        batch.value.isRunning = true
        defer { endBatch() }
        for index in jobs.indices {
            unsafe jobs[index].runSynchronously(on: asUnownedTaskExecutor())
            if NIODeadline.now() >= end { return jobs[(index + 1)...] }
        }
        return nil
    }

    private func endBatch() {
        batch.value.isRunning = false
        guard !batch.value.flushes.isEmpty else { return }
        for context in exchange(&batch.value.flushes, with: []) { context.flush() }
    }

    /// Defers the remaining jobs until all sockets of the thread have been read and written.
    private func putOff(_ rest: ArraySlice<UnownedJob>) {
        let isEmpty = state.withLock { state in
            state.waiting.insert(contentsOf: rest, at: 0)
            if state.waiting.isEmpty { state.isScheduled = false }
            return state.waiting.isEmpty
        }
        if !isEmpty { notifier.afterNextPoll { self.drain() } }
    }
}

/// One executor for each event loop.
package final class EventLoopExecutors: Sendable {
    private let executors = Mutex<[ObjectIdentifier: EventLoopExecutor]>([:])

    package init() {}

    /// Returns the executor of `loop`.
    package func executor(of loop: any EventLoop) -> EventLoopExecutor {
        executors.withLock { executors in
            if let executor = executors[ObjectIdentifier(loop)] { return executor }
            let executor = EventLoopExecutor(loop)
            executors[ObjectIdentifier(loop)] = executor
            return executor
        }
    }
}
