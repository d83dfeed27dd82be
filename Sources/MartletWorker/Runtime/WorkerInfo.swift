// The information that a worker reports about itself to each of its queues.

import FoundationEssentials
import MartletJobs
import MartletQueue

/// The JSON object in a heartbeat: the process, and its slots and jobs in one queue.
struct WorkerInfo: Encodable, Sendable {
    /// The most job ids in one report.
    static let jobLimit = 50

    /// The state of a worker.
    enum State: String, Encodable { case running, stopping, stopped }

    var host: String
    var pid: Int32
    var version: String
    /// All queues of the process.
    var queues: [String]
    var state: State
    /// The slots of this queue; `busy` and `jobs` refer to it too.
    ///
    /// Jobs claimed ahead do not count as busy.
    var slots: Int
    var busy: Int
    /// The number of handlers that still run after losing their lease.
    var leaked: Int
    /// The ids of running jobs, at most ``jobLimit``.
    var jobs: [String]
    /// RFC 3339, UTC.
    var startedAt: String

    private enum CodingKeys: String, CodingKey {
        case host, pid, version, queues, state, slots, busy, leaked, jobs
        case startedAt = "started_at"
    }

    init(_ context: WorkerContext, slots: Int, jobs: [RunningJob], leaked: Int, state: State) {
        host = context.host
        pid = context.processID
        version = context.configuration.version
        queues = context.queues.map(\.name.description)
        self.state = state
        self.slots = slots
        busy = min(jobs.count, slots)
        self.leaked = leaked
        self.jobs = jobs.prefix(Self.jobLimit).map(\.id.description)
        startedAt = context.startedAt.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// The report as JSON; `{}` if it cannot be encoded.
    var text: String {
        (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
