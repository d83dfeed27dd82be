// A job while its handler runs: why it must stop, how long it is held, and what the next beat has to carry.

import Logging
import MartletJobs
import MartletQueue
import Synchronization

/// The state that a handler, the beats and the guard of leases share.
final class RunningJob: JobRuntime {
    typealias Instant = ContinuousClock.Instant

    /// The bytes of a checkpoint that the queue keeps.
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
        /// What the queue does not have yet.
        var checkpoint: (bytes: [UInt8], number: Int)?
        var lastNumber = 0
        var savers: [(number: Int, waiter: CheckedContinuation<Void, any Error>)] = []
    }

    /// Tells the attempt from an earlier one of the same job whose handler still runs here.
    let key: Int
    let id: JobID
    let token: String
    /// What log lines say of the attempt.
    let type: String
    let attempt: Int
    /// When the attempt has run too long.
    let deadline: Instant?
    /// Sends the beat that a checkpoint waits for.
    private let beats: Pulse
    private let state: Mutex<State>

    init(key: Int, job: ClaimedJob, heldUntil: Instant, deadline: Instant?, beats: Pulse) {
        self.key = key
        id = job.id
        token = job.token
        type = job.type
        attempt = job.failures + 1
        self.deadline = deadline
        self.beats = beats
        state = Mutex(State(heldUntil: heldUntil))
    }

    /// What a log line says of the attempt, beside queue and worker.
    var labels: Logger.Metadata { ["job_id": "\(id)", "type": "\(type)", "attempt": "\(attempt)"] }

    /// Why the handler must stop.
    ///
    /// A process that was itself stopped learns of its lost lease here, before anything else of it gets to run.
    var stopReason: StopReason? {
        state.withLock { state in
            if state.stop != .leaseLost, !state.hasEnded, state.heldUntil <= .now { return .leaseLost }
            return state.stop
        }
    }

    func report(_ progress: JobProgress) {
        var progress = progress
        // Bytes a second over no time at all is no number that could be stored.
        if let rate = progress.rate, !(0...1e15).contains(rate) { progress.rate = nil }
        state.withLock { state in
            guard state.progress != progress else { return }
            state.progress = progress
            state.hasNewProgress = true
        }
    }

    /// Waits for the beat that carries the checkpoint; of several that wait for one beat the last is kept.
    ///
    /// Cancellation does not end the wait: a handler saves where it stopped after it was told to stop.
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
            if let error { waiter.resume(throwing: error) } else { beats.fire() }
        }
    }
}

// MARK: - Stopping

extension RunningJob {
    /// The task that runs the handler, to be cancelled when the job must stop.
    func attach(_ task: Task<Void, Never>) {
        let isLate = state.withLock { state in
            if !state.hasEnded { state.task = task }
            return state.stop != nil
        }
        if isLate { task.cancel() }
    }

    /// Tells the handler to stop; false when that was known or comes too late.
    ///
    /// The first reason stands, but a cancel is more than a pause, and a lost lease is more than all.
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

    /// What is left of an attempt when its handler has returned.
    struct Rest {
        /// Why it was to stop.
        var stop: StopReason?
        /// Whether the loss of the lease was seen before.
        var knowsLoss: Bool
        /// Whether it was to stop for its timeout, whatever came after that.
        var hasTimedOut: Bool
        /// What the queue does not have yet.
        var progress: JobProgress?
    }

    /// The handler has returned.
    ///
    /// From now on nothing is saved and no beat is sent for the job.
    func end() -> Rest {
        let (savers, rest) = state.withLock { state in
            if state.heldUntil <= .now { state.stop = .leaseLost }
            state.hasEnded = true
            state.task = nil
            let progress = state.hasNewProgress ? state.progress : nil
            let rest = Rest(
                stop: state.stop, knowsLoss: state.lostAt != nil, hasTimedOut: state.hasTimedOut, progress: progress)
            return (state.takeSavers(), rest)
        }
        for saver in savers { saver.resume(throwing: CheckpointError.attemptEnded) }
        return rest
    }
}

// MARK: - The lease

extension RunningJob {
    /// What the guard of leases has to know.
    enum Standing {
        case fine(until: Instant)
        case leaseOver
        case timeOver
        case lost(since: Instant)
        case ended
    }

    func standing(at now: Instant) -> Standing {
        state.withLock { state in
            if state.hasEnded { return .ended }
            if let lostAt = state.lostAt { return .lost(since: lostAt) }
            if state.heldUntil <= now { return .leaseOver }
            guard let deadline, state.stop == nil else { return .fine(until: state.heldUntil) }
            return deadline <= now ? .timeOver : .fine(until: min(deadline, state.heldUntil))
        }
    }

    /// What the next beat says of the job; `nil` when it has no more say, or nothing to say that cannot wait.
    ///
    /// With `onlyUrgent` only a checkpoint is worth a beat.
    func beat(onlyUrgent: Bool) -> SentBeat? {
        state.withLock { state in
            guard !state.hasEnded, state.lostAt == nil, !onlyUrgent || state.checkpoint != nil else { return nil }
            let progress = state.hasNewProgress ? state.progress : nil
            let beat = Beat(id: id, token: token, progress: progress, checkpoint: state.checkpoint?.bytes)
            return SentBeat(job: self, beat: beat, checkpointNumber: state.checkpoint?.number ?? 0)
        }
    }

    /// The queue accepted a beat that was sent at `sent`: the job is held for `left` from then.
    func held(_ left: Duration, from sent: Instant, by beat: SentBeat) {
        let savers = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
            state.heldUntil = max(state.heldUntil, sent + left)
            if beat.beat.progress == state.progress { state.hasNewProgress = false }
            if state.checkpoint?.number == beat.checkpointNumber { state.checkpoint = nil }
            let done = state.savers.filter { $0.number <= beat.checkpointNumber }
            state.savers.removeAll { $0.number <= beat.checkpointNumber }
            return done.map(\.waiter)
        }
        for saver in savers { saver.resume() }
    }
}

/// A beat for one job, and what must be remembered until its answer.
struct SentBeat: Sendable {
    let job: RunningJob
    let beat: Beat
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
