// Runs tasks on a connection's event loop, so that a task that awaits replies continues without a thread switch.

import NIOCore
import Synchronization

/// A task executor on the thread of a client's connection.
///
/// A task that prefers this executor resumes on the thread that read its reply, so a round trip needs no thread switch.
/// The connection runs on the same thread: work on it must be short and must never block.
///
/// ```swift
/// try await withTaskExecutorPreference(client.executor) {
///     for key in keys { _ = try await client.send(.command("GET", key)) }
/// }
/// ```
public final class ConnectionExecutor: TaskExecutor {
    /// How long tasks may run, in nanoseconds, before the connection's I/O is served.
    static let timeSlice: Int64 = 1_000_000

    private struct State {
        var waiting: [UnownedJob] = []
        var isScheduled = false
    }

    private let loop: any EventLoop
    private let notifier: PollNotifier
    private let state = Mutex(State())

    init(_ loop: any EventLoop) {
        self.loop = loop
        notifier = PollNotifier(loop)
    }

    /// Runs `job` on the connection's thread, after the jobs enqueued before it.
    ///
    /// - Parameter job: the job, passed by the Swift runtime.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = state.withLock { state in
            state.waiting.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        // One hand-over to the loop for all jobs that are enqueued before it runs.
        if isFirst { loop.execute { self.drain() } }
    }

    /// Calls `body` on the connection's thread.
    ///
    /// - Parameters:
    ///   - instant: when to call it; at most a day ahead.
    ///   - body: must be short and must not block.
    public func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        let left = min(max(.zero, instant - .now), .seconds(86_400))
        loop.scheduleTask(in: TimeAmount(left), body)
    }

    /// Runs waiting jobs, including new ones, until none is left or the time is used up.
    private func drain() {
        let end = NIODeadline.now() + .nanoseconds(Self.timeSlice)
        var batch: [UnownedJob] = []
        while true {
            batch.removeAll(keepingCapacity: true)
            let isEmpty = state.withLock { state in
                swap(&state.waiting, &batch)
                if batch.isEmpty { state.isScheduled = false }
                return batch.isEmpty
            }
            if isEmpty { return }
            for index in batch.indices {
                unsafe batch[index].runSynchronously(on: asUnownedTaskExecutor())
                guard NIODeadline.now() >= end else { continue }
                return putOff(batch[(index + 1)...])
            }
        }
    }

    /// Defers the remaining jobs until all connections of the thread have read and written.
    private func putOff(_ rest: ArraySlice<UnownedJob>) {
        let isEmpty = state.withLock { state in
            state.waiting.insert(contentsOf: rest, at: 0)
            if state.waiting.isEmpty { state.isScheduled = false }
            return state.waiting.isEmpty
        }
        if !isEmpty { notifier.afterNextPoll { self.drain() } }
    }
}
