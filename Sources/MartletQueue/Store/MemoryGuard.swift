// A memory limit below Redis' own: pushes are refused while there is still memory to process waiting jobs.

import MartletJobs
import MartletRedis
import Synchronization

/// Decides whether this process accepts pushes, based on Redis' memory.
///
/// Redis itself refuses pushes only when its memory is full, and then all other writes fail too.
final class MemoryGuard: Sendable {
    /// In percent of Redis' `maxmemory`; 100 disables the limit.
    private let limit = Atomic(100)
    /// The memory used at the last check, in percent, if it exceeds the limit; otherwise 0.
    private let excess = Atomic(0)

    var isOn: Bool { limit.load(ordering: .relaxed) < 100 }
    var isShut: Bool { excess.load(ordering: .relaxed) > 0 }

    func set(limit percent: Int) {
        limit.store(percent, ordering: .relaxed)
        excess.store(0, ordering: .relaxed)
    }

    /// Reads the memory fields of `INFO`; without `maxmemory` there is no limit.
    func note(_ info: [String: String]) {
        let used = info["used_memory"].flatMap { Double($0) } ?? 0
        let most = info["maxmemory"].flatMap { Double($0) } ?? 0
        let share = most > 0 ? Int(min(used / most * 100, 1e6)) : 0
        excess.store(share >= limit.load(ordering: .relaxed) ? share : 0, ordering: .relaxed)
    }

    /// Refuses a push while Redis uses too much memory.
    func check(_ ids: @autoclosure () -> [JobID]) throws(QueueError) {
        let share = excess.load(ordering: .relaxed)
        guard share > 0 else { return }
        throw QueueError(
            .notExecuted(.full), ids: ids(),
            message: "Redis uses \(share) % of its memory, and from \(limit.load(ordering: .relaxed)) % on pushes are "
                + "refused, so that what waits can be worked off")
    }
}

extension JobStore {
    /// Refuses pushes of this process while Redis uses this share of its `maxmemory` or more; 100 disables the limit.
    ///
    /// Each call of ``marks()`` updates it. Everything else continues, so that waiting jobs are processed.
    package func refusePushes(abovePercentOfMemory percent: Int) { memory.set(limit: percent) }

    /// Refuses pushes while Redis' memory is nearly full, and pushes of a program that only runs for an isolated job.
    ///
    /// A worker starts its program again for each job with `runsOn: .process`. What the program pushes before its
    /// worker takes over was already pushed by the first run; pushing it again would create a job per job.
    func admit(_ ids: @autoclosure () -> [JobID]) throws(QueueError) {
        guard !OneJobProcess.isBesideJob else {
            throw QueueError(
                .refused(.besideJob), ids: ids(),
                message: "this process was started to run one job, and only that job may push: leave out the push "
                    + "where Worker.runsOneJob is true")
        }
        try memory.check(ids())
    }

    /// Whether pushes are refused because of Redis' memory.
    package var refusesPushes: Bool { memory.isShut }
}
