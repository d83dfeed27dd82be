// Runs tasks on a connection's event loop: what waits for replies there goes on without a change of threads.

import NIOCore
import Synchronization

/// The thread of a client's connection, as an executor of tasks.
///
/// A task that prefers it goes on where its reply was read, so that a round trip costs no hand-over between threads.
/// The connection lives on this thread too: what runs here must be short and must never block.
public final class RedisLane: TaskExecutor {
    /// How long tasks may run, in nanoseconds, before the connection gets its turn.
    static let patience: Int64 = 1_000_000

    private struct State {
        var waiting: [UnownedJob] = []
        var isScheduled = false
    }

    private let loop: any EventLoop
    private let bell: SocketBell
    private let state = Mutex(State())

    init(_ loop: any EventLoop) {
        self.loop = loop
        bell = SocketBell(loop)
    }

    /// Runs `job` on the lane's thread, behind those that came before.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = state.withLock { state in
            state.waiting.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        // One hand-over to the loop for all that gathers until it comes.
        if isFirst { loop.execute { self.drain() } }
    }

    /// Calls `body` on the lane's thread at `instant` or soon after; what is far away counts as a day.
    public func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) {
        let left = min(max(.zero, instant - .now), .seconds(86_400))
        loop.scheduleTask(in: TimeAmount(left), body)
    }

    /// Runs what waits, and what comes meanwhile, until nothing is left or its time is over.
    private func drain() {
        let end = NIODeadline.now() + .nanoseconds(Self.patience)
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

    /// Lets all connections of the thread read and write before the rest.
    private func putOff(_ rest: ArraySlice<UnownedJob>) {
        let isEmpty = state.withLock { state in
            state.waiting.insert(contentsOf: rest, at: 0)
            if state.waiting.isEmpty { state.isScheduled = false }
            return state.waiting.isEmpty
        }
        if !isEmpty { bell.afterNextLook { self.drain() } }
    }
}
