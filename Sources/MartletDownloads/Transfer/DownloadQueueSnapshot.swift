// A snapshot of the download queue, for sharing slots between hosts.

public import MartletJobs

/// The state of the download queue at one moment, as far as sharing slots between hosts needs it.
///
/// ```swift
/// let snapshot = DownloadQueueSnapshot(
///     running: [.init(id: .generate(), host: "example.com", priority: 0)], waiting: ["example.org": 3], limit: 4)
/// ```
public struct DownloadQueueSnapshot: Sendable, Equatable {
    /// A download that holds a slot in any process.
    public struct Running: Sendable, Equatable {
        /// The job's id.
        public var id: JobID
        /// The host that it downloads from.
        public var host: String
        /// −1000 to 1000.
        public var priority: Int

        /// Creates a value.
        ///
        /// - Parameters:
        ///   - id: the job's id.
        ///   - host: the host that it downloads from.
        ///   - priority: −1000 to 1000.
        public init(id: JobID, host: String, priority: Int) {
            self.id = id
            self.host = host
            self.priority = priority
        }
    }

    /// The downloads that hold a slot, in the order of their start.
    public var running: [Running]
    /// The number of waiting downloads by host.
    public var waiting: [String: Int]
    /// The most concurrent downloads over all workers; `nil` without a limit.
    public var limit: Int?

    /// Creates a snapshot.
    ///
    /// - Parameters:
    ///   - running: the downloads that hold a slot, in the order of their start.
    ///   - waiting: the number of waiting downloads by host.
    ///   - limit: the most concurrent downloads over all workers; `nil` without a limit.
    public init(running: [Running], waiting: [String: Int], limit: Int?) {
        self.running = running
        self.waiting = waiting
        self.limit = limit
    }
}

/// Decides how slots are shared between hosts; every process decides alike from a snapshot.
///
/// A host keeps its share. It keeps slots beyond it only while no download of a host below its share waits.
struct HostShares: Equatable, Sendable {
    private let snapshot: DownloadQueueSnapshot
    private let share: Int

    init(_ snapshot: DownloadQueueSnapshot, maxPerHost: Int) {
        self.snapshot = snapshot
        // At least one slot is left to other hosts.
        share = max(1, min(maxPerHost, snapshot.limit.map { $0 - 1 } ?? maxPerHost))
    }

    /// Whether a new download must wait; `alreadyHere` counts this process's downloads of the host, which the snapshot
    /// may not yet show.
    func mustWait(_ id: JobID, host: String, alreadyHere: Int) -> Bool {
        let seen = snapshot.running.count { $0.host == host && $0.id != id }
        return max(seen, alreadyHere) >= share && wanted(besides: host) > 0
    }

    /// The running downloads that must yield their slots: as many as others can use, lowest priority and latest start
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

    /// The slots that waiting downloads of other hosts may take within their shares.
    private func wanted(besides host: String) -> Int {
        snapshot.waiting.reduce(0) { sum, waiting in
            guard waiting.key != host else { return sum }
            let running = snapshot.running.count { $0.host == waiting.key }
            return sum + min(waiting.value, max(0, share - running))
        }
    }
}
