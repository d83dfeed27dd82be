// A running job: its stop reason, its lease, and the data for its next heartbeat.

import Logging
import MartletJobs
import MartletQueue
import Synchronization

/// The state that the handler, the heartbeats and the lease guard share.
final class RunningJob: JobRuntime {
    typealias Instant = ContinuousClock.Instant

    /// The largest checkpoint in bytes.
    static let checkpointLimit = 64 << 10

    fileprivate struct State {
        var stop: StopReason?
        var lostAt: Instant?
        var hasTimedOut = false
        var hasEnded = false
        var task: Task<Void, Never>?
        var heldUntil: Instant
        var progress: JobProgress?
        var hasNewProgress = false
        /// The checkpoint that the queue has not confirmed yet.
        var checkpoint: (bytes: [UInt8], number: Int)?
        var lastNumber = 0
        var savers: [(number: Int, waiter: CheckedContinuation<Void, any Error>)] = []
    }

    /// Distinguishes this attempt from an earlier one of the same job whose handler still runs here.
    let key: Int
    let id: JobID
    let token: String
    /// The wire name, for log lines.
    let type: String
    let attempt: Int
    /// When the attempt times out.
    let deadline: Instant?
    /// Wakes the heartbeat loop to send a checkpoint.
    private let heartbeats: WakeTimer
    private let state: Mutex<State>

    init(key: Int, job: ClaimedJob, heldUntil: Instant, deadline: Instant?, heartbeats: WakeTimer) {
        self.key = key
        id = job.id
        token = job.token
        type = job.type
        attempt = job.failures + 1
        self.deadline = deadline
        self.heartbeats = heartbeats
        state = Mutex(State(heldUntil: heldUntil))
    }

    /// The log metadata of the attempt, without queue and worker.
    var labels: Logger.Metadata { ["job_id": "\(id)", "type": "\(type)", "attempt": .stringConvertible(attempt)] }

    /// Why the handler must stop.
    ///
    /// A process that was suspended sees the loss of its lease here before anything else of it runs.
    var stopReason: StopReason? {
        state.withLock { state in
            if state.stop != .leaseLost, !state.hasEnded, state.heldUntil <= .now { return .leaseLost }
            return state.stop
        }
    }

    func report(_ progress: JobProgress) {
        var progress = progress
        // A rate computed over no time is infinite and cannot be stored.
        if let rate = progress.rate, !(0...1e15).contains(rate) { progress.rate = nil }
        state.withLock { state in
            guard state.progress != progress else { return }
            state.progress = progress
            state.hasNewProgress = true
        }
    }

    /// Waits for the heartbeat that carries the checkpoint; of several that wait, only the last is stored.
    ///
    /// Cancellation does not end the wait, so that a handler can save its position after a stop.
    @concurrent
    func save(checkpoint: [UInt8]) async throws {
        guard checkpoint.count <= Self.checkpointLimit else {
            throw CheckpointError.tooLarge(bytes: checkpoint.count, limit: Self.checkpointLimit)
        }
        try await withCheckedThrowingContinuation { waiter in
            let error: CheckpointError? = state.withLock { state in
                if state.hasEnded { return .attemptEnded }
                if state.stop == .leaseLost { return .leaseLost }
                state.lastNumber += 1
                state.checkpoint = (checkpoint, state.lastNumber)
                state.savers.append((state.lastNumber, waiter))
                return nil
            }
            if let error { waiter.resume(throwing: error) } else { heartbeats.fire() }
        }
    }
}

// MARK: - Stopping

extension RunningJob {
    /// Sets the task that runs the handler; it is cancelled when the job must stop.
    func attach(_ task: Task<Void, Never>) {
        let isLate = state.withLock { state in
            if !state.hasEnded { state.task = task }
            return state.stop != nil
        }
        if isLate { task.cancel() }
    }

    /// Tells the handler to stop; returns false when it already knows or has returned.
    ///
    /// The first reason is kept, but a cancel replaces a pause, and a lost lease replaces everything.
    @discardableResult
    func stop(_ reason: StopReason, at now: Instant = .now) -> Bool {
        var savers: [CheckedContinuation<Void, any Error>] = []
        let (isNew, task) = state.withLock { state -> (Bool, Task<Void, Never>?) in
            guard !state.hasEnded, state.stop.map({ $0.yields(to: reason) }) ?? true else { return (false, nil) }
            state.stop = reason
            if reason == .timeout { state.hasTimedOut = true }
            if reason == .leaseLost {
                state.lostAt = now
                savers = state.takeSavers()
            }
            return (true, state.task)
        }
        task?.cancel()
        for saver in savers { saver.resume(throwing: CheckpointError.leaseLost) }
        return isNew
    }

    /// The final state of an attempt whose handler has returned.
    struct FinalState {
        /// Why the handler was asked to stop.
        var stop: StopReason?
        /// Whether the loss of the lease was already reported.
        var knowsLoss: Bool
        /// Whether the attempt timed out, whatever happened later.
        var hasTimedOut: Bool
        /// The progress that the queue does not have yet.
        var progress: JobProgress?
    }

    /// Marks the handler as returned.
    ///
    /// After this the job saves nothing and sends no heartbeat.
    func end() -> FinalState {
        let (savers, rest) = state.withLock { state in
            if state.heldUntil <= .now { state.stop = .leaseLost }
            state.hasEnded = true
            state.task = nil
            let progress = state.hasNewProgress ? state.progress : nil
            let rest = FinalState(
                stop: state.stop, knowsLoss: state.lostAt != nil, hasTimedOut: state.hasTimedOut, progress: progress)
            return (state.takeSavers(), rest)
        }
        for saver in savers { saver.resume(throwing: CheckpointError.attemptEnded) }
        return rest
    }
}

// MARK: - The lease

extension RunningJob {
    /// The lease of a running job, as the lease guard sees it.
    enum LeaseState {
        case fine(until: Instant)
        case expired
        case timedOut
        case lost(since: Instant)
        case ended
    }

    func leaseState(at now: Instant) -> LeaseState {
        state.withLock { state in
            if state.hasEnded { return .ended }
            if let lostAt = state.lostAt { return .lost(since: lostAt) }
            if state.heldUntil <= now { return .expired }
            guard let deadline, state.stop == nil else { return .fine(until: state.heldUntil) }
            return deadline <= now ? .timedOut : .fine(until: min(deadline, state.heldUntil))
        }
    }

    /// The next heartbeat for the job; `nil` when there is nothing to send.
    ///
    /// With `onlyUrgent`, only a checkpoint justifies a heartbeat.
    func heartbeat(onlyUrgent: Bool) -> SentHeartbeat? {
        state.withLock { state in
            guard !state.hasEnded, state.lostAt == nil, !onlyUrgent || state.checkpoint != nil else { return nil }
            let progress = state.hasNewProgress ? state.progress : nil
            let heartbeat = Heartbeat(id: id, token: token, progress: progress, checkpoint: state.checkpoint?.bytes)
            return SentHeartbeat(job: self, heartbeat: heartbeat, checkpointNumber: state.checkpoint?.number ?? 0)
        }
    }

    /// The queue accepted a heartbeat sent at `sent`; the lease lasts `left` from then.
    func held(_ left: Duration, from sent: Instant, by heartbeat: SentHeartbeat) {
        let savers = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
            state.heldUntil = max(state.heldUntil, sent + left)
            if heartbeat.heartbeat.progress == state.progress { state.hasNewProgress = false }
            if state.checkpoint?.number == heartbeat.checkpointNumber { state.checkpoint = nil }
            let done = state.savers.filter { $0.number <= heartbeat.checkpointNumber }
            state.savers.removeAll { $0.number <= heartbeat.checkpointNumber }
            return done.map(\.waiter)
        }
        for saver in savers { saver.resume() }
    }
}

/// A heartbeat for one job, with the data needed to process its answer.
struct SentHeartbeat: Sendable {
    let job: RunningJob
    let heartbeat: Heartbeat
    let checkpointNumber: Int
}

extension RunningJob.State {
    fileprivate mutating func takeSavers() -> [CheckedContinuation<Void, any Error>] {
        defer {
            savers = []
            checkpoint = nil
        }
        return savers.map(\.waiter)
    }
}

extension StopReason {
    /// Whether a later reason replaces this one.
    fileprivate func yields(to other: StopReason) -> Bool {
        switch (self, other) {
        case (.leaseLost, _): false
        case (_, .leaseLost): true
        case (.pause, .cancel), (.shutdown, .cancel): true
        default: false
        }
    }
}
