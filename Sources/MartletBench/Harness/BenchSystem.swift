// A system under test: a command that pushes and works. Martlet and every peer follow the same contract.

import FoundationEssentials
import MartletCommandSupport

/// A queue system that can be measured.
///
/// Its command is called as `COMMAND push JSON` and `COMMAND work JSON`, with the variables `BENCH_REDIS` (a URL) and
/// `BENCH_RECORDS` (a file).
///
/// - `push` pushes what a ``PushOrder`` says and prints a ``PushReport`` as its last line.
/// - `work` runs jobs as a ``WorkOrder`` says, until SIGTERM. Each job leaves a record of 16 bytes at the end of the
///   file: two little-endian doubles, the time at which its handler started and the time in its payload, in seconds
///   since 1970. The file is opened with `O_APPEND`; records may come late by up to 0.1 s.
///
/// A command that cannot do what an order says ends with code 64 and a sentence on standard error.
struct BenchSystem: Sendable, Equatable {
    /// What its results are called.
    static let own = "martlet"

    var name: String
    /// The program and the arguments that come first.
    var command: [String]

    /// Martlet itself.
    static var martlet: BenchSystem { BenchSystem(name: own, command: [Subprocess.ownPath, "target"]) }

    init(name: String, command: [String]) {
        self.name = name
        self.command = command
    }

    /// Reads `NAME=COMMAND`; the command is one for a shell.
    init?(_ text: String) {
        let pair = text.split(separator: "=", maxSplits: 1)
        guard pair.count == 2, pair[0] != Self.own, pair[0] != "bound" else { return nil }
        self.init(name: String(pair[0]), command: ["/bin/sh", "-c", "exec \(pair[1]) \"$@\"", "sh"])
    }
}

/// What a pusher has to do.
struct PushOrder: Codable, Sendable, Equatable {
    enum Mode: String, Codable, Sendable {
        /// One job a call, each awaited before the next.
        case single
        /// `batch` jobs a call, `tasks` calls under way at a time (1 without it).
        case bulk
        /// `tasks` tasks, each of which pushes single jobs.
        case concurrent
        /// `rate` jobs a second: below 1000 one at a time, with pauses of half to one and a half times the mean;
        /// above, what is due goes together every millisecond.
        case paced
        /// `rate` jobs a second by `tasks` tasks, each of which pushes single jobs at its own moments of the schedule.
        case steady
    }

    var mode: Mode
    var jobs: Int
    /// Jobs in a call of `bulk`.
    var batch: Int?
    /// Tasks of `concurrent` and `steady`.
    var tasks: Int?
    /// Jobs a second of `paced` and `steady`.
    var rate: Double?
    /// When all of the jobs fall due, in milliseconds since 1970; the payloads have this time then.
    var due: Int?
    /// How many priorities the jobs take in turn.
    var priorities: Int?
    /// The bytes of each payload.
    var payload = 200

    enum CodingKeys: String, CodingKey {
        case mode, jobs, batch, tasks, rate, priorities
        case due = "due_at_ms"
        case payload = "payload_bytes"
    }
}

/// The result of a pusher.
struct PushReport: Codable, Sendable, Equatable {
    var jobs: Int
    /// From before the first call to after the last one's answer.
    var seconds: Double
    /// The processor time of the process, if it is known.
    var cpu: Double?

    enum CodingKeys: String, CodingKey {
        case jobs, seconds
        case cpu = "cpu_seconds"
    }
}

/// What a worker has to do.
struct WorkOrder: Codable, Sendable, Equatable {
    /// How many jobs it runs at once.
    var concurrency: Int
    /// Whether finished jobs are kept.
    var keep = false
    /// The worker exits after so many jobs; without it only a signal ends it.
    var jobs: Int?
    /// How many priorities there are.
    var priorities: Int?
    /// Handlers take the payload's bytes, on the thread of the connection; peers never get this.
    var bare: Bool?
}

/// A system does not support an order; the description says why.
///
/// This is not a failure.
struct BenchUnsupported: Error, CustomStringConvertible {
    /// The prefix of every such description.
    static let prefix = "unsupported: "
    let description: String

    init(_ reason: String) { description = Self.prefix + reason }
}
