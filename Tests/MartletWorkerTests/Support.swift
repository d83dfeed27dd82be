// What the worker's tests share: small jobs, a journal of what handlers did, workers that run while a test looks on.

import Logging
import MartletJobs
import MartletQueue
import MartletRedis
import MartletTelemetry
import MartletWorker
import Synchronization
import TestSupport
import Testing

/// A job that carries a number.
struct Note: Job {
    static let name = "note"
    var number = 0
}

/// A job that returns a number.
struct Square: Job {
    typealias Output = Int
    static let name = "square"
    var side: Int
}

/// What happened, in order.
final class RunLog: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var count: Int { lines.withLock { $0.count } }

    func add(_ line: some CustomStringConvertible) { lines.withLock { $0.append("\(line)") } }
    func count(of line: String) -> Int { lines.withLock { $0.count { $0 == line } } }

    /// A logger that writes its lines here, each a JSON object.
    func logger(_ level: Logger.Level = .info) -> Logger {
        Logger(label: "test") { label in
            var handler = JSONLogHandler(
                label: label, sink: LogSink { self.add(String(decoding: $0, as: UTF8.self)) })
            handler.logLevel = level
            return handler
        }
    }
}

/// A door that handlers wait at until a test opens it.
final class Gate: Sendable {
    private let isOpen = Mutex(false)

    func open() { isOpen.withLock { $0 = true } }

    /// Waits for the door; throws when the task is cancelled.
    func pass() async throws {
        while !isOpen.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(2)) }
    }
}

extension WorkerConfiguration {
    /// Looks around more often than in production, so that tests wait less, and gives up later, so that a busy machine
    /// can finish.
    static var quick: WorkerConfiguration {
        var configuration = WorkerConfiguration()
        configuration.pollInterval = .milliseconds(40)
        configuration.sweepInterval = .milliseconds(60)
        configuration.grace = .seconds(60)
        configuration.cancellationGrace = .seconds(60)
        return configuration
    }
}

/// A logger that says nothing.
let silence = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

/// A worker on the queue `q` of a test's store, behind the faults that the environment asks for.
func worker(
    _ harness: QueueHarness, slots: Int = 4, _ configuration: WorkerConfiguration = .quick, logger: Logger = silence,
    @HandlerBuilder handlers: () -> Handlers
) -> Worker {
    Worker(harness.far, queues: ["q": slots], configuration: configuration, logger: logger, handlers: handlers)
}

/// Runs workers while `body` looks on, then cancels them and waits until they have returned.
func running(
    _ workers: Worker..., body: @concurrent @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in workers { group.addTask { try await worker.run() } }
        defer { group.cancelAll() }
        try await body()
        group.cancelAll()
        try await group.waitForAll()
    }
}

extension QueueHarness {
    /// Waits until a job is in this state and returns it.
    @discardableResult
    func waitFor(_ id: JobID, _ state: JobState, within limit: Duration = .seconds(30)) async throws -> JobRecord {
        var found: JobRecord?
        try await eventually(within: limit, "job \(id) is \(state)") {
            found = try await queue().job(id)
            return found?.state == state
        }
        return try #require(found)
    }

    /// Moves the queue's clock until no lease is left; their holders must be gone or cut off.
    ///
    /// In small steps, since a sweep after a long silence gives every job a full lease again.
    func endLeases() async throws {
        try await eventually(within: .seconds(60), "no lease is left") {
            let offset = try await command("HGET", key("meta"), "offset").int ?? 0
            try await setClock(.milliseconds(offset + 3000))
            _ = try await queue().sweep()
            return try await command("ZCARD", key("active")).int == 0
        }
    }
}
