// One run of a worker: starts its loops and stops them in order.

import Logging
import MartletJobs
import MartletQueue
import Synchronization

/// The loops of a worker from start to stop.
final class WorkerRun: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var isStopping = false
        var isCancelled = false
        var isOver = false
        /// The number of released jobs when the stop began.
        var releasedBefore = 0
        /// The number of leaked handlers by queue.
        var leaked: [QueueName: Int] = [:]
    }

    let context: WorkerContext
    private let loops: [QueueLoop]
    private let sweeper: Sweeper
    private let metrics = SlotMetrics()
    private let gaugeTimer: WakeTimer
    private let state = Mutex(State())

    init(_ context: WorkerContext, store: JobStore) {
        self.context = context
        loops = context.queues.map { QueueLoop(context, queue: store.queue($0.name), slots: $0.slots) }
        sweeper = Sweeper(context, store: store)
        gaugeTimer = WakeTimer(on: context.thread)
        // Before anything can stop the run, so that a worker which is stopped as it starts says so.
        context.configuration.health?.start(context.queues.map(\.name))
    }

    /// The number of jobs released so far.
    private var releasedCount: Int { loops.reduce(0) { $0 + $1.releaseCount.load(ordering: .relaxed) } }

    /// Works until a stop is requested and all jobs are settled or abandoned.
    func serve() async {
        let queues = context.queues.map { "\($0.name)=\($0.slots)" }.joined(separator: ",")
        context.logger.info("worker started", metadata: ["worker_id": "\(context.worker)", "queues": "\(queues)"])
        defer { context.configuration.health?.stopped() }
        await withTaskGroup { group in
            group.addTask { await self.sweeper.run() }
            group.addTask { await self.measure() }
            for loop in loops {
                group.addTask { await loop.heartbeats.run() }
                group.addTask { await self.leaseGuard(of: loop).run() }
            }
            await work()
            close()
        }
        let left = loops.reduce(0) { $0 + $1.table.count }
        let released = releasedCount - state.withLock { $0.releasedBefore }
        context.logger.log(
            level: left == 0 ? .info : .error, "worker stopped",
            metadata: [
                "worker_id": "\(context.worker)", "released_jobs": .stringConvertible(released),
                "abandoned_handlers": .stringConvertible(left),
            ])
    }

    /// Returns when the jobs of every queue are settled or abandoned.
    private func work() async {
        await withTaskGroup { group in
            for loop in loops { group.addTask(executorPreference: context.connection.executor) { await loop.run() } }
        }
    }

    private func close() {
        state.withLock { $0.isOver = true }
        sweeper.close()
        gaugeTimer.fire()
        for loop in loops {
            loop.heartbeats.enter(.stopped)
            // Abandoned handlers: their leases are no longer extended and their checkpoints no longer saved.
            loop.table.stopAll(.leaseLost)
            loop.table.close()
        }
    }
}

// MARK: - Ending

extension WorkerRun {
    /// Stops claiming.
    ///
    /// Running jobs may continue for the grace period; then they are cancelled and released.
    ///
    /// - Parameter signal: the number of the signal that requested the stop, if any.
    func stop(signal: Int32? = nil) {
        let before = releasedCount
        let isFirst = state.withLock { state in
            guard !state.isStopping else { return false }
            state.isStopping = true
            state.releasedBefore = before
            return true
        }
        guard isFirst else { return }
        context.configuration.health?.stopping()
        var metadata: Logger.Metadata = ["worker_id": "\(context.worker)"]
        if let signal { metadata["signal"] = "\(signal)" }
        context.logger.info("worker stopping", metadata: metadata)
        for loop in loops {
            loop.heartbeats.enter(.stopping)
            loop.inbox.stop()
        }
        context.thread.call(at: .now + context.configuration.grace) { [weak self] in self?.cancel() }
    }

    /// Stops without a grace period.
    func cancel() {
        stop()
        let isFirst = state.withLock { state in
            defer { state.isCancelled = true }
            return !state.isCancelled && !state.isOver
        }
        guard isFirst else { return }
        for loop in loops { loop.table.stopAll(.shutdown) }
        context.thread.call(at: .now + context.configuration.cancellationGrace) { [weak self] in self?.abandon() }
    }

    /// Abandons handlers that do not return and settlements that do not arrive; the jobs return when their leases
    /// expire.
    private func abandon() {
        for loop in loops { loop.inbox.abandon() }
    }
}

// MARK: - Health

extension WorkerRun {
    private func leaseGuard(of loop: QueueLoop) -> LeaseGuard {
        LeaseGuard(context: context, table: loop.table, metrics: loop.metrics) { self.leaked($0, of: loop.queue.name) }
    }

    private func leaked(_ count: Int, of queue: QueueName) {
        let (before, now) = state.withLock { state in
            let before = state.leaked.values.reduce(0, +)
            state.leaked[queue] = count
            return (before, state.leaked.values.reduce(0, +))
        }
        guard now > before else { return }
        context.logger.error(
            "handlers leaked: still running after losing their leases",
            metadata: ["leaked": "\(now)", "queue": "\(queue)", "worker_id": "\(context.worker)"])
        if now >= context.configuration.leakLimit { context.configuration.onUnhealthy?(now) }
    }

    /// Updates the slot gauges every second and wakes the loops so that ``WorkerHealth`` sees them run.
    private func measure() async {
        let slots = context.queues.reduce(0) { $0 + $1.slots }
        while !state.withLock({ $0.isOver }) {
            let busy = loops.reduce(0) { $0 + min($1.table.count, $1.slots) }
            metrics.record(slots: slots, busy: busy, leaked: loops.reduce(0) { $0 + $1.table.leaked })
            if context.configuration.health != nil { for loop in loops { loop.inbox.wake() } }
            await gaugeTimer.wait(until: .now + .seconds(1))
        }
        metrics.record(slots: 0, busy: 0, leaked: 0)
    }
}
