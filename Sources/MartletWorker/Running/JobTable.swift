// The jobs that run here for one queue.

import MartletJobs
import MartletQueue
import Synchronization

/// The running jobs of one queue, and when one of them must be looked at.
final class JobTable: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What a look at the clock found.
    struct Look: Sendable {
        /// Jobs whose lease ran out without an answer.
        var lost: [RunningJob] = []
        /// Handlers that ignore the loss of their lease.
        var leaked = 0
        /// When to look again.
        var next: Instant?
    }

    /// Wakes the guard of leases.
    let guardPulse: Pulse
    private struct State {
        var jobs: [Int: RunningJob] = [:]
        var nextKey = 0
        var looks = LookTimes()
        var leaked = 0
        /// Why every job must stop, those too that are still to come.
        var stop: StopReason?
        var isClosed = false
    }
    private let state = Mutex(State())

    init(on lane: any WorkerLane) { guardPulse = Pulse(on: lane) }

    var all: [RunningJob] { state.withLock { Array($0.jobs.values) } }
    var count: Int { state.withLock { $0.jobs.count } }
    var leaked: Int { state.withLock { $0.leaked } }
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Takes a job in; the guard wakes only when it has to look earlier than it meant to.
    func add(_ job: ClaimedJob, heldUntil: Instant, beats: Pulse, now: Instant = .now) -> RunningJob {
        let deadline = job.timeout.map { now + $0 }
        let (running, isSooner, stop) = state.withLock { state in
            state.nextKey += 1
            let running = RunningJob(
                key: state.nextKey, job: job, heldUntil: heldUntil, deadline: deadline, beats: beats)
            state.jobs[state.nextKey] = running
            let isSooner = state.looks.add(min(deadline ?? heldUntil, heldUntil))
            return (running, isSooner, state.stop)
        }
        if let stop { running.stop(stop) }
        if isSooner { guardPulse.fire() }
        return running
    }

    func remove(_ job: RunningJob) {
        let hasLeaks = state.withLock { state in
            state.jobs[job.key] = nil
            return state.leaked > 0
        }
        if hasLeaks { guardPulse.fire() }
    }

    /// Stops all jobs.
    func stopAll(_ reason: StopReason) {
        let jobs = state.withLock { state in
            state.stop = reason
            return state.jobs.values
        }
        // The last come first: an attempt that ends starts the next in line, which must know by then.
        for job in jobs.sorted(by: { $0.key > $1.key }) { job.stop(reason) }
    }

    /// Ends the guard's loop.
    func close() {
        state.withLock { $0.isClosed = true }
        guardPulse.fire()
    }

    /// Stops what has run too long or is no longer held; O(running jobs).
    func look(at now: Instant, leakDelay: Duration) -> Look {
        var look = Look()
        let jobs = state.withLock { state in
            state.looks.begin()
            return state.jobs.values
        }
        for job in jobs {
            switch job.standing(at: now) {
            case .ended: break
            case .fine(let until): look.note(until)
            case .timeOver:
                job.stop(.timeout, at: now)
                look.note(now)  // The lease goes on, and is looked at again at once.
            case .leaseOver:
                if job.stop(.leaseLost, at: now) { look.lost.append(job) }
                look.note(now + leakDelay)
            case .lost(let since):
                if since + leakDelay <= now { look.leaked += 1 } else { look.note(since + leakDelay) }
            }
        }
        state.withLock { state in
            look.next = state.looks.end(look.next)
            state.leaked = look.leaked
        }
        return look
    }
}

extension JobTable.Look {
    fileprivate mutating func note(_ instant: JobTable.Instant) { next = min(next ?? instant, instant) }
}
