// `martlet-bench target`: Martlet as a system under test, by the same contract as peers.

import ArgumentParser
import FoundationEssentials
import Logging
import MartletCommandSupport
import MartletJobs
import MartletQueue
import MartletRedis
import MartletWorker

/// Pushes or works for `martlet-bench run`, in a separate process.
struct BenchTargetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "target", abstract: "Push and work for a benchmark.", shouldDisplay: false,
        subcommands: [
            BenchPushCommand.self, BenchWorkCommand.self, BenchLoadCommand.self, BenchOriginCommand.self,
        ])
}

/// The job that is pushed: about as much as the order says, and when.
struct BenchJob: Job {
    static let name = "bench"
    static let queue = "bench"

    /// When it was pushed or is due, in seconds since 1970.
    var at: Double
    var pad: String

    /// The time in a payload, without decoding the rest: JSON with sorted keys begins with it.
    static func time(in payload: [UInt8]) -> Double {
        let digits = payload.dropFirst(6).prefix { $0 != UInt8(ascii: ",") }
        return Double(String(decoding: digits, as: UTF8.self)) ?? 0
    }

    /// A payload as JSON, with so much padding: a time of today is written with 17 digits.
    static func sample(padding: Int) -> [UInt8] {
        Array((#"{"at":1700000000.1234567,"pad":""# + String(repeating: "x", count: padding) + #""}"#).utf8)
    }

    /// The size of a payload without padding.
    static let overhead = sample(padding: 0).count
}

/// Where a target works, from the environment.
struct BenchPlace {
    let redis: RedisConfiguration
    let records: String

    init() throws {
        let environment = ProcessInfo.processInfo.environment
        guard let url = environment["BENCH_REDIS"] else {
            throw CommandFailure(.usage, "BENCH_REDIS is not set; \"martlet-bench run\" sets it")
        }
        redis = try StoreSession.configuration(url: url)
        records = environment["BENCH_RECORDS"] ?? "/dev/null"
    }

    /// Reads an order.
    static func decode<Order: Decodable>(_ text: String) throws -> Order {
        do { return try JSONDecoder().decode(Order.self, from: Data(text.utf8)) } catch {
            throw CommandFailure(.usage, "the order cannot be read: \(error)")
        }
    }
}

struct BenchPushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "push", abstract: "Push jobs.")

    @Argument(help: "What to push, as JSON.")
    var order: String

    func run() async throws {
        let order: PushOrder = try BenchPlace.decode(order)
        let martlet = JobStore(redis: try BenchPlace().redis, logger: Logger(label: "bench"))
        let report = try await StoreSession.beside(martlet.run) {
            try await martlet.waitUntilConnected(within: .seconds(30))
            guard let name = QueueName(BenchJob.queue) else { throw CommandFailure(.failed, "no queue") }
            return try await BenchPusher(queue: martlet.queue(name), order: order).run()
        }
        Console.standard.out(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
    }
}

struct BenchWorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "work", abstract: "Run jobs.")

    @Argument(help: "How to work, as JSON.")
    var order: String

    func run() async throws {
        let order: WorkOrder = try BenchPlace.decode(order)
        let place = try BenchPlace()
        let logger = Logger(label: "bench")
        if !order.keep { try await Self.keepNothing(place) }
        let store = JobStore(redis: place.redis, logger: logger)
        let tally = BenchTally(path: place.records, limit: order.jobs)
        let worker = Worker(store, queues: [BenchJob.queue: order.concurrency]) {
            if order.bare == true {
                OnRaw(BenchJob.name, runsOn: .loop) { payload, _ in tally.note(BenchJob.time(in: payload)) }
            } else {
                On(BenchJob.self) { job, _ in tally.note(job.at) }
            }
        }
        try await Launch.run([store, tally, worker], logger: logger, untilEOF: true)
    }

    /// Has completed jobs deleted at once.
    private static func keepNothing(_ place: BenchPlace) async throws {
        let store = JobStore(redis: place.redis, logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        try await StoreSession.beside(store.run) {
            try await store.waitUntilConnected(within: .seconds(30))
            guard let name = QueueName(BenchJob.queue) else { return }
            try await store.queue(name).configure(QueueSettingsChange(completed: Retention.none))
        }
    }
}
