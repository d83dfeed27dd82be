// What a worker says of itself to each of its queues.

import FoundationEssentials
import MartletJobs
import MartletQueue

/// The JSON object that a beat carries: the process, and its slots and jobs in one queue.
struct WorkerCard: Encodable, Sendable {
    /// The most ids of jobs that a card names.
    static let jobLimit = 50

    /// Where a worker is in its life.
    enum State: String, Encodable { case running, stopping, stopped }

    var host: String
    var pid: Int32
    var version: String
    /// All queues of the process.
    var queues: [String]
    var state: State
    /// Of this queue, like `busy` and `jobs`; jobs claimed ahead are no more busy slots.
    var slots: Int
    var busy: Int
    /// Handlers that ignore the loss of their job.
    var leaked: Int
    /// The first ids of the jobs that run.
    var jobs: [String]
    /// RFC 3339, UTC.
    var startedAt: String

    private enum CodingKeys: String, CodingKey {
        case host, pid, version, queues, state, slots, busy, leaked, jobs
        case startedAt = "started_at"
    }

    init(_ crew: Crew, slots: Int, jobs: [RunningJob], leaked: Int, state: State) {
        host = crew.host
        pid = crew.processID
        version = crew.configuration.version
        queues = crew.queues.map(\.name.description)
        self.state = state
        self.slots = slots
        busy = min(jobs.count, slots)
        self.leaked = leaked
        self.jobs = jobs.prefix(Self.jobLimit).map(\.id.description)
        startedAt = crew.startedAt.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// The card as text; `{}` should it ever not be encodable.
    var text: String {
        (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}
