// One run of a worker: its loops, and how they end one after the other.

import Logging
import MartletJobs
import MartletQueue
import Synchronization

/// The loops of a worker from start to end.
final class WorkerRun: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var isStopping = false
        var isCancelled = false
        var isOver = false
        /// How many jobs had been given back when the stop began.
        var givenBackBefore = 0
        /// Leaked handlers by queue.
        var leaked: [QueueName: Int] = [:]
    }

    let crew: Crew
    private let loops: [QueueLoop]
    private let sweeper: Sweeper
    private let meters = SlotMeters()
    private let meterPulse: Pulse
    private let state = Mutex(State())

    init(_ crew: Crew, store: JobStore) {
        self.crew = crew
        loops = crew.queues.map { QueueLoop(crew, queue: store.queue($0.name), slots: $0.slots) }
        sweeper = Sweeper(crew, store: store)
        meterPulse = Pulse(on: crew.thread)
    }

    /// How many jobs were given back so far.
    private var givenBack: Int { loops.reduce(0) { $0 + $1.releases.load(ordering: .relaxed) } }

    /// Works until a stop was asked for and all is settled or given up.
    func serve() async {
        let queues = crew.queues.map { "\($0.name)=\($0.slots)" }.joined(separator: ",")
        crew.logger.info("Worker started", metadata: ["worker_id": "\(crew.worker)", "queues": "\(queues)"])
        crew.configuration.health?.start(crew.queues.map(\.name))
        defer { crew.configuration.health?.stopped() }
        await withTaskGroup { group in
            group.addTask { await self.sweeper.run() }
            group.addTask { await self.measure() }
            for loop in loops {
                group.addTask { await loop.beats.run() }
                group.addTask { await self.leaseGuard(of: loop).run() }
            }
            await work()
            close()
        }
        let left = loops.reduce(0) { $0 + $1.table.count }
        let released = givenBack - state.withLock { $0.givenBackBefore }
        crew.logger.log(
            level: left == 0 ? .info : .error, "Worker stopped",
            metadata: [
                "worker_id": "\(crew.worker)", "released_jobs": .stringConvertible(released),
                "abandoned_handlers": .stringConvertible(left),
            ])
    }

    /// Returns when every queue's jobs are settled or given up.
    private func work() async {
        await withTaskGroup { group in
            for loop in loops { group.addTask(executorPreference: crew.lane.executor) { await loop.run() } }
        }
    }

    private func close() {
        state.withLock { $0.isOver = true }
        sweeper.close()
        meterPulse.fire()
        for loop in loops {
            loop.beats.enter(.stopped)
            // Handlers that were given up on: nobody extends their leases or saves for them any more.
            loop.table.stopAll(.leaseLost)
            loop.table.close()
        }
    }
}

// MARK: - Ending

extension WorkerRun {
    /// Claims nothing more; running jobs may go on for the grace period, then they are cancelled and given back.
    ///
    /// - Parameter signal: the number of the signal that asked for it, if one did.
    func stop(signal: Int32? = nil) {
        let before = givenBack
        let isFirst = state.withLock { state in
            guard !state.isStopping else { return false }
            state.isStopping = true
            state.givenBackBefore = before
            return true
        }
        guard isFirst else { return }
        crew.configuration.health?.stopping()
        var metadata: Logger.Metadata = ["worker_id": "\(crew.worker)"]
        if let signal { metadata["signal"] = "\(signal)" }
        crew.logger.info("Worker stopping", metadata: metadata)
        for loop in loops {
            loop.beats.enter(.stopping)
            loop.inbox.stop()
        }
        crew.thread.call(at: .now + crew.configuration.grace) { [weak self] in self?.cancel() }
    }

    /// The same without grace.
    func cancel() {
        stop()
        let isFirst = state.withLock { state in
            defer { state.isCancelled = true }
            return !state.isCancelled && !state.isOver
        }
        guard isFirst else { return }
        for loop in loops { loop.table.stopAll(.shutdown) }
        crew.thread.call(at: .now + crew.configuration.cancellationGrace) { [weak self] in self?.abandon() }
    }

    /// Gives up on handlers that do not return and on settlements that do not arrive: the leases bring the jobs back.
    private func abandon() {
        for loop in loops { loop.inbox.abandon() }
    }
}

// MARK: - Health

extension WorkerRun {
    private func leaseGuard(of loop: QueueLoop) -> LeaseGuard {
        LeaseGuard(crew: crew, table: loop.table, meters: loop.meters) { self.leaked($0, of: loop.queue.name) }
    }

    private func leaked(_ count: Int, of queue: QueueName) {
        let (before, now) = state.withLock { state in
            let before = state.leaked.values.reduce(0, +)
            state.leaked[queue] = count
            return (before, state.leaked.values.reduce(0, +))
        }
        guard now > before else { return }
        crew.logger.error(
            "Handlers go on after the loss of their jobs and keep their slots; they ignore cancellation",
            metadata: ["leaked": "\(now)", "queue": "\(queue)", "worker_id": "\(crew.worker)"])
        if now >= crew.configuration.leakLimit { crew.configuration.onUnhealthy?(now) }
    }

    /// Keeps the gauges of slots up to date, once a second, and has the loops show that they go round where somebody asks.
    private func measure() async {
        let slots = crew.queues.reduce(0) { $0 + $1.slots }
        while !state.withLock({ $0.isOver }) {
            let busy = loops.reduce(0) { $0 + min($1.table.count, $1.slots) }
            meters.record(slots: slots, busy: busy, leaked: loops.reduce(0) { $0 + $1.table.leaked })
            if crew.configuration.health != nil { for loop in loops { loop.inbox.poke() } }
            await meterPulse.wait(until: .now + .seconds(1))
        }
        meters.record(slots: 0, busy: 0, leaked: 0)
    }
}
