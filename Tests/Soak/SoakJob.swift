// The job of a run, and the worker process that runs it and records every start and end.

import ArgumentParser
import FoundationEssentials
import Logging
import MartletJobs
import MartletQueue
import MartletRedis
import MartletWorker
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A job with a given duration and outcome.
struct SoakJob: Job {
    static let name = "soak"

    /// How its attempts end.
    enum Behaviour: String, Codable, Sendable {
        /// Every attempt succeeds.
        case fine
        /// The first attempt fails.
        case once
        /// Every attempt fails.
        case never
        /// The first attempt snoozes.
        case later
    }

    /// The number of the push, unique in the run.
    var n: Int
    /// The duration of an attempt, in milliseconds.
    var ms: Int
    var behaviour: Behaviour

    struct Failed: Error {}
}

/// A worker process with a journal.
struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "work", abstract: "Run jobs for a soak.")

    @Option var redis: String
    @Option var journal: String
    @Option var queues: String
    @Flag(help: "Use the scripts of a later version.") var later = false
    @Flag(help: "Run jobs with which a worker was lost in separate processes.") var apart = false
    @Flag(help: "Wait long for everything: here nothing fails, but anything may stand still.") var patient = false

    func run() async throws {
        let logger = Logger(label: "soak")
        let journal = try LineLog(journal)
        var redis = try RedisConfiguration(url: redis)
        redis.commandTimeout = patient ? .seconds(60) : .milliseconds(1500)
        let store = JobStore(
            redis: redis, prefix: "martlet", scripts: later ? .later : .shipped, logger: logger)
        var configuration = WorkerConfiguration()
        configuration.grace = .seconds(2)
        if patient { configuration.cancellationGrace = .seconds(60) }
        configuration.isolatesLostJobs = apart
        let names = queues.split(separator: ",").map { (String($0), 6) }
        let worker = Worker(
            store, queues: Dictionary(uniqueKeysWithValues: names), configuration: configuration, logger: logger
        ) {
            On(SoakJob.self) { job, context in try await Self.run(job, context, journal) }
        }
        // The process of an isolated job needs no connection to Redis.
        let services: [any Service] = Worker.runsOneJob ? [worker] : [store, worker]
        let group = ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm], logger: logger)
        let stalls = Task { await journal.writeStalls() }
        defer { stalls.cancel() }
        try await group.run()
    }

    private static func run(_ job: SoakJob, _ context: JobContext, _ journal: LineLog) async throws {
        let facts = ["\(context.id)", context.token, "\(getpid())"]
        func note(_ word: String, _ how: String) {
            journal.write(word, facts[0], facts[1], facts[2], "\(monotonic())", how)
        }
        note("start", "\(job.n)")
        do { try await Task.sleep(for: .milliseconds(job.ms)) } catch {
            note("end", "stopped:\(context.stopReason?.rawValue ?? "unknown")")
            throw error
        }
        switch job.behaviour {
        case .once where context.attempt == 1, .never:
            note("end", "threw")
            throw SoakJob.Failed()
        case .later where context.claims == 1:
            note("end", "snoozed")
            throw JobOutcome.snooze(.milliseconds(300))
        default: note("end", "returned")
        }
    }
}
