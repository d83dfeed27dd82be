// What a worker needs to know of the queue of downloads to share its slots between hosts.

public import MartletJobs

/// The queue of downloads at one moment, as far as sharing its slots between hosts needs it.
public struct DownloadQueueSnapshot: Sendable, Equatable {
    /// A download that holds a slot, in whichever process.
    public struct Running: Sendable, Equatable {
        /// The download.
        public var id: JobID
        /// The host that it comes from.
        public var host: String
        /// −1000 to 1000.
        public var priority: Int

        /// A download that holds a slot.
        public init(id: JobID, host: String, priority: Int) {
            self.id = id
            self.host = host
            self.priority = priority
        }
    }

    /// The downloads that hold a slot, in the order in which they started.
    public var running: [Running]
    /// How many downloads were seen waiting, by host.
    public var waiting: [String: Int]
    /// How many may run at once, over all workers; `nil` without a limit.
    public var limit: Int?

    /// A queue that looks like this.
    public init(running: [Running], waiting: [String: Int], limit: Int?) {
        self.running = running
        self.waiting = waiting
        self.limit = limit
    }
}

/// How the slots of the queue are shared between hosts: decided from one look at the queue, by every process alike.
///
/// A host keeps its share. What it has beyond that it keeps only while no download of a host below its own share waits.
struct HostShares: Equatable, Sendable {
    private let snapshot: DownloadQueueSnapshot
    private let share: Int

    init(_ snapshot: DownloadQueueSnapshot, maxPerHost: Int) {
        self.snapshot = snapshot
        // One slot at least is left to the others.
        share = max(1, min(maxPerHost, snapshot.limit.map { $0 - 1 } ?? maxPerHost))
    }

    /// Whether a download that begins now has to wait; `alreadyHere` counts those of its host that this process runs
    /// beside it and that the look may have come too early to see.
    func mustWait(_ id: JobID, host: String, alreadyHere: Int) -> Bool {
        let seen = snapshot.running.count { $0.host == host && $0.id != id }
        return max(seen, alreadyHere) >= share && wanted(besides: host) > 0
    }

    /// The running downloads that give their slots back: only as many as others can use, low priorities and late starts
    /// first.
    var yielding: Set<JobID> {
        var counts: [String: Int] = [:]
        let extras = snapshot.running.enumerated().filter { _, job in
            counts[job.host, default: 0] += 1
            return counts[job.host, default: 0] > share
        }
        let free = snapshot.limit.map { max(0, $0 - snapshot.running.count) } ?? 0
        let inOrder = extras.sorted { one, other in
            one.element.priority != other.element.priority
                ? one.element.priority < other.element.priority : one.offset > other.offset
        }
        var given: Set<JobID> = []
        for (_, job) in inOrder where wanted(besides: job.host) - free > given.count { given.insert(job.id) }
        return given
    }

    /// How many slots the waiting downloads of other hosts may take within their shares.
    private func wanted(besides host: String) -> Int {
        snapshot.waiting.reduce(0) { sum, waiting in
            guard waiting.key != host else { return sum }
            let running = snapshot.running.count { $0.host == waiting.key }
            return sum + min(waiting.value, max(0, share - running))
        }
    }
}
