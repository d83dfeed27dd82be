// The running jobs of one queue in this worker.

import MartletJobs
import MartletQueue
import Synchronization

/// Tracks the running jobs of one queue and when their leases and timeouts must next be checked.
final class JobTable: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The result of a lease check.
    struct LeaseCheck: Sendable {
        /// Jobs whose lease expired without an answer from the queue.
        var lost: [RunningJob] = []
        /// The number of handlers that still run after losing their lease.
        var leaked = 0
        /// When to check again.
        var next: Instant?
    }

    /// Wakes the lease guard.
    let guardTimer: WakeTimer
    private struct State {
        var jobs: [Int: RunningJob] = [:]
        var nextKey = 0
        var nextCheck = NextCheckTime()
        var leaked = 0
        /// The reason why all jobs must stop, including those added later.
        var stop: StopReason?
        var isClosed = false
    }
    private let state = Mutex(State())

    init(on executor: any TimerExecutor) { guardTimer = WakeTimer(on: executor) }

    var all: [RunningJob] { state.withLock { Array($0.jobs.values) } }
    var count: Int { state.withLock { $0.jobs.count } }
    var leaked: Int { state.withLock { $0.leaked } }
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Adds a job; wakes the guard only if the job needs an earlier check than planned.
    func add(_ job: ClaimedJob, heldUntil: Instant, heartbeats: WakeTimer, now: Instant = .now) -> RunningJob {
        let deadline = job.timeout.map { now + $0 }
        let (running, isSooner, stop) = state.withLock { state in
            state.nextKey += 1
            let running = RunningJob(
                key: state.nextKey, job: job, heldUntil: heldUntil, deadline: deadline, heartbeats: heartbeats)
            state.jobs[state.nextKey] = running
            let isSooner = state.nextCheck.add(min(deadline ?? heldUntil, heldUntil))
            return (running, isSooner, state.stop)
        }
        if let stop { running.stop(stop) }
        if isSooner { guardTimer.fire() }
        return running
    }

    func remove(_ job: RunningJob) {
        let hasLeaks = state.withLock { state in
            state.jobs[job.key] = nil
            return state.leaked > 0
        }
        if hasLeaks { guardTimer.fire() }
    }

    /// Stops all jobs.
    func stopAll(_ reason: StopReason) {
        let jobs = state.withLock { state in
            state.stop = reason
            return state.jobs.values
        }
        // In reverse order: an attempt that finishes starts the next one in the queue, which must already be stopped.
        for job in jobs.sorted(by: { $0.key > $1.key }) { job.stop(reason) }
    }

    /// Ends the guard's loop.
    func close() {
        state.withLock { $0.isClosed = true }
        guardTimer.fire()
    }

    /// Stops jobs whose timeout or lease has passed; O(running jobs).
    func look(at now: Instant, leakDelay: Duration) -> LeaseCheck {
        var look = LeaseCheck()
        let jobs = state.withLock { state in
            state.nextCheck.begin()
            return state.jobs.values
        }
        for job in jobs {
            switch job.leaseState(at: now) {
            case .ended: break
            case .fine(let until): look.note(until)
            case .timedOut:
                job.stop(.timeout, at: now)
                look.note(now)  // The job still has its lease, so it needs another check at once.
            case .expired:
                if job.stop(.leaseLost, at: now) { look.lost.append(job) }
                look.note(now + leakDelay)
            case .lost(let since):
                if since + leakDelay <= now { look.leaked += 1 } else { look.note(since + leakDelay) }
            }
        }
        state.withLock { state in
            look.next = state.nextCheck.end(look.next)
            state.leaked = look.leaked
        }
        return look
    }
}

extension JobTable.LeaseCheck {
    fileprivate mutating func note(_ instant: JobTable.Instant) { next = min(next ?? instant, instant) }
}
