// The beats of one queue: they keep the leases of its jobs, carry their news, and bring back what operators want.

import Logging
import MartletJobs
import MartletQueue
import Synchronization

/// Beats for all jobs that run here for one queue, and for the worker itself when it is idle.
///
/// A full beat goes out every interval, and at once when a reply shows that a stop was asked of some job. Between them a
/// checkpoint is sent as soon as there is one; those that come while a beat is under way share the next.
final class BeatLoop: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var interval: Duration
        /// The highest count of stops in any reply, and whether a beat has looked since.
        var stops = 0
        var wantsLook = false
        var state = WorkerCard.State.running
    }

    let pulse: Pulse
    private let crew: Crew
    private let queue: Queue
    private let slots: Int
    private let table: JobTable
    private let meters: QueueMeters
    private let logger: Logger
    private let state: Mutex<State>

    init(_ crew: Crew, queue: Queue, slots: Int, table: JobTable, meters: QueueMeters, logger: Logger) {
        self.crew = crew
        self.queue = queue
        self.slots = slots
        self.table = table
        self.meters = meters
        self.logger = logger
        pulse = Pulse(on: crew.thread)
        state = Mutex(State(interval: crew.configuration.beatInterval))
    }

    /// Beats until closed; the last beat says that the worker has stopped.
    func run() async {
        var lastFull: Instant?
        while true {
            let now = Instant.now
            let (card, wantsLook, interval) = take()
            // The interval may have become shorter since the last one.
            let isDue = lastFull.map { $0 + interval <= now } ?? true || card == .stopped
            let beats = table.all.compactMap { $0.beat(onlyUrgent: !isDue && !wantsLook) }
            var isHeard = true
            if isDue || !beats.isEmpty { isHeard = await send(beats, card: isDue ? card : nil) }
            if card == .stopped { return }
            if isDue { lastFull = now }
            if !isHeard, wantsLook { state.withLock { $0.wantsLook = true } }
            let nextFull = (lastFull ?? now) + interval
            await pulse.wait(until: isHeard ? nextFull : min(nextFull, .now + .milliseconds(100)))
        }
    }

    private func take() -> (WorkerCard.State, Bool, Duration) {
        state.withLock { state in
            defer { state.wantsLook = false }
            return (state.state, state.wantsLook, state.interval)
        }
    }

    /// The lease of the queue, as a claim told it: three beats must fit in.
    func leaseIs(_ lease: Duration) {
        let interval = min(crew.configuration.beatInterval, lease / 3)
        let isShorter = state.withLock { state in
            defer { state.interval = interval }
            return interval < state.interval
        }
        if isShorter { pulse.fire() }
    }

    /// A reply told how many stops were ever asked of active jobs; if that is news, a beat asks of whom.
    func noteStops(_ stops: Int) {
        let isNews = state.withLock { state in
            guard stops > state.stops else { return false }
            state.stops = stops
            state.wantsLook = true
            return true
        }
        if isNews { pulse.fire() }
    }

    /// The worker takes no more jobs, or has ended; after that nothing else counts.
    func enter(_ new: WorkerCard.State) {
        state.withLock { state in
            if state.state != .stopped { state.state = new }
        }
        pulse.fire()
    }

    /// Sends one beat; false when it is not known to have been heard.
    ///
    /// No deadline moves without an answer.
    private func send(_ beats: [SentBeat], card: WorkerCard.State?) async -> Bool {
        let text = card.map {
            WorkerCard(crew, slots: slots, jobs: table.all, leaked: table.leaked, state: $0).text
        }
        let sent = Instant.now
        do throws(QueueError) {
            let reply = try await queue.beat(worker: crew.worker, says: text, beats.map(\.beat))
            state.withLock { $0.stops = max($0.stops, reply.stops) }
            for (beat, verdict) in zip(beats, reply.verdicts) { apply(verdict, to: beat, sent: sent) }
            return true
        } catch {
            logger.debug("A beat failed", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func apply(_ verdict: BeatVerdict, to beat: SentBeat, sent: Instant) {
        switch verdict {
        case .held(let left, let wanted):
            beat.job.held(left, from: sent, by: beat)
            if let wanted { beat.job.stop(wanted) }
        case .fenced, .gone:
            // A handler that has returned meanwhile may have been settled by the time of this beat.
            guard beat.job.stop(.leaseLost) else { return }
            meters.leasesLost(1)
            logger.warning("The lease was lost; the handler is cancelled", metadata: beat.job.labels)
        }
    }
}
