// The heartbeats of one queue: extend leases, send progress and checkpoints, and receive stop requests.

import Logging
import MartletJobs
import MartletQueue
import Synchronization

/// Sends heartbeats for all jobs of one queue that run here, and for the worker itself.
///
/// A full heartbeat is sent at every interval, and at once when a reply shows that a stop was requested for some job.
/// Between them, a checkpoint is sent as soon as it exists; checkpoints that arrive during a heartbeat share the next
/// one.
final class HeartbeatLoop: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var interval: Duration
        /// The highest count of stop requests in any reply.
        var stops = 0
        var wantsLook = false
        var state = WorkerInfo.State.running
    }

    /// How often heartbeats carry the times of jobs.
    ///
    /// Redis has to merge them, which costs more than a heartbeat.
    private static let timesInterval = Duration.seconds(5)

    let wakeTimer: WakeTimer
    private let context: WorkerContext
    private let queue: Queue
    private let slots: Int
    private let table: JobTable
    private let metrics: QueueMetrics
    private let logger: Logger
    private let state: Mutex<State>

    init(_ context: WorkerContext, queue: Queue, slots: Int, table: JobTable, metrics: QueueMetrics, logger: Logger) {
        self.context = context
        self.queue = queue
        self.slots = slots
        self.table = table
        self.metrics = metrics
        self.logger = logger
        wakeTimer = WakeTimer(on: context.thread)
        state = Mutex(State(interval: context.configuration.heartbeatInterval))
    }

    /// Sends heartbeats until closed; the last one reports that the worker has stopped.
    func run() async {
        var lastFull: Instant?
        var lastTimes = Instant.now
        while true {
            let now = Instant.now
            let (card, wantsLook, interval) = take()
            // The interval may have become shorter since the last heartbeat.
            let isDue = lastFull.map { $0 + interval <= now } ?? true || card == .stopped
            let heartbeats = table.all.compactMap { $0.heartbeat(onlyUrgent: !isDue && !wantsLook) }
            var isHeard = true
            let hasTimes = card == .stopped || (isDue && lastTimes + Self.timesInterval <= now)
            if hasTimes { lastTimes = now }
            if isDue || !heartbeats.isEmpty {
                isHeard = await send(
                    heartbeats, card: isDue ? card : nil, times: hasTimes ? metrics.takeTimes() : nil)
            }
            if card == .stopped { return }
            if isDue { lastFull = now }
            if !isHeard, wantsLook { state.withLock { $0.wantsLook = true } }
            let nextFull = (lastFull ?? now) + interval
            await wakeTimer.wait(until: isHeard ? nextFull : min(nextFull, .now + .milliseconds(100)))
        }
    }

    private func take() -> (WorkerInfo.State, Bool, Duration) {
        state.withLock { state in
            defer { state.wantsLook = false }
            return (state.state, state.wantsLook, state.interval)
        }
    }

    /// Adopts the queue's lease, as a claim returned it; three heartbeats must fit into it.
    func leaseIs(_ lease: Duration) {
        let interval = min(context.configuration.heartbeatInterval, lease / 3)
        let isShorter = state.withLock { state in
            defer { state.interval = interval }
            return interval < state.interval
        }
        if isShorter { wakeTimer.fire() }
    }

    /// Compares the count of stop requests in a reply; if it grew, a heartbeat asks which jobs must stop.
    func noteStops(_ stops: Int) {
        let isNews = state.withLock { state in
            guard stops > state.stops else { return false }
            state.stops = stops
            state.wantsLook = true
            return true
        }
        if isNews { wakeTimer.fire() }
    }

    /// Sets the worker's state; nothing follows `stopped`.
    func enter(_ new: WorkerInfo.State) {
        state.withLock { state in
            if state.state != .stopped { state.state = new }
        }
        wakeTimer.fire()
    }

    /// Sends one heartbeat; returns false when it may not have arrived.
    ///
    /// Leases are extended only by an answer.
    private func send(_ heartbeats: [SentHeartbeat], card: WorkerInfo.State?, times: TimeReport?) async -> Bool {
        let text = card.map {
            WorkerInfo(context, slots: slots, jobs: table.all, leaked: table.leaked, state: $0).text
        }
        let sent = Instant.now
        do throws(QueueError) {
            let reply = try await queue.heartbeat(
                worker: context.worker, info: text, times: times,
                heartbeats.map(\.heartbeat))
            state.withLock { $0.stops = max($0.stops, reply.stops) }
            for (heartbeat, verdict) in zip(heartbeats, reply.verdicts) { apply(verdict, to: heartbeat, sent: sent) }
            return true
        } catch {
            logger.debug("heartbeat failed, will retry", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func apply(_ verdict: HeartbeatVerdict, to heartbeat: SentHeartbeat, sent: Instant) {
        switch verdict {
        case .held(let left, let wanted):
            heartbeat.job.held(left, from: sent, by: heartbeat)
            if let wanted { heartbeat.job.stop(wanted) }
        case .fenced, .gone:
            // A handler that has returned meanwhile may have been settled before this heartbeat.
            guard heartbeat.job.stop(.leaseLost) else { return }
            metrics.leasesLost(1)
            logger.warning("lease lost, handler cancelled", metadata: heartbeat.job.labels)
        }
    }
}
