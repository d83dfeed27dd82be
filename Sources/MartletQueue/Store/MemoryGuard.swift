// A limit of our own below that of Redis' memory: pushes stop while there is room to work off what waits.

import MartletJobs
import MartletRedis
import Synchronization

/// Whether this process takes pushes, as far as Redis' memory goes.
///
/// Redis itself refuses pushes only when its memory is full, and then whatever else writes there fails too.
final class MemoryGuard: Sendable {
    /// In percent of Redis' `maxmemory`; 100 leaves it to Redis.
    private let limit = Atomic(100)
    /// What Redis used at the last look, in percent, while that is too much; otherwise 0.
    private let excess = Atomic(0)

    var isOn: Bool { limit.load(ordering: .relaxed) < 100 }
    var isShut: Bool { excess.load(ordering: .relaxed) > 0 }

    func set(limit percent: Int) {
        limit.store(percent, ordering: .relaxed)
        excess.store(0, ordering: .relaxed)
    }

    /// Takes note of what `INFO` says of memory; without a limit in Redis there is none here.
    func note(_ info: [String: String]) {
        let used = info["used_memory"].flatMap { Double($0) } ?? 0
        let most = info["maxmemory"].flatMap { Double($0) } ?? 0
        let share = most > 0 ? Int(min(used / most * 100, 1e6)) : 0
        excess.store(share >= limit.load(ordering: .relaxed) ? share : 0, ordering: .relaxed)
    }

    /// Refuses a push while Redis uses too much.
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
    /// Refuses pushes of this process while Redis uses so much of its `maxmemory` or more; 100 leaves that to Redis.
    ///
    /// Each call of ``marks()`` looks. Everything else goes on, so that what waits is worked off.
    package func refusePushes(abovePercentOfMemory percent: Int) { memory.set(limit: percent) }

    /// Refuses a push while Redis' memory is nearly full, and one that a program makes again only for the sake of a job.
    ///
    /// A worker starts its program anew for each job with `runsOn: .process`. What the program pushes before its worker
    /// takes over was pushed when it ran first; pushed again it would make a job for each job.
    func admit(_ ids: @autoclosure () -> [JobID]) throws(QueueError) {
        guard !OneJobProcess.isBesideJob else {
            throw QueueError(
                .refused(.besideJob), ids: ids(),
                message: "this process was started to run one job, and only that job may push: leave out the push "
                    + "where Worker.runsOneJob is true")
        }
        try memory.check(ids())
    }

    /// Whether pushes are refused now for the sake of Redis' memory.
    package var refusesPushes: Bool { memory.isShut }
}
