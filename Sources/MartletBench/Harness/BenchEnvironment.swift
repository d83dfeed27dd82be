// The environment of one measurement: an empty Redis, a system under test, and the file of its records.

import FoundationEssentials
import MartletCommandSupport
import MartletRedis

/// The result and the cost of a push.
struct Pushed: Sendable {
    var report: PushReport
    /// What happened in Redis meanwhile.
    var redis: RedisReading
    /// The processor time of the pusher, in seconds.
    var cpu: Double

    /// The rate and what each job cost.
    var metrics: [BenchMetric: Double] {
        let jobs = Double(report.jobs)
        return redis.perJob(report.jobs).merging([
            .jobs: jobs, .seconds: report.seconds, .jobsPerSecond: jobs / max(report.seconds, 1e-9),
            .pusherCPU: cpu / jobs * 100_000, .redisBusy: redis.cpu / max(report.seconds, 1e-9),
        ]) { $1 }
    }
}

/// Everything that one measurement of one system needs.
///
/// Each is used once.
final class BenchEnvironment: Sendable {
    let system: BenchSystem
    let redis: BenchRedis
    let records: BenchRecordFile
    private let directory: String

    /// Calls `body` with a new environment and removes it afterwards.
    static func with<Value: Sendable>(
        _ system: BenchSystem, _ kind: BenchRedisKind = .stock, given: String? = nil,
        _ body: (BenchEnvironment) async throws -> Value
    ) async throws -> Value {
        try Task.checkCancellation()
        let directory = try BenchDirectory.make(onDisk: kind == .appendOnly)
        let result: Result<Value, any Error>
        do {
            let redis = try await BenchRedis.start(kind, given: given, directory: directory + "/redis")
            do { result = .success(try await body(BenchEnvironment(system, redis, directory))) } catch {
                result = .failure(error)
            }
            await Task { await redis.stop() }.value
        } catch {
            BenchDirectory.remove(directory)
            throw error
        }
        BenchDirectory.remove(directory)
        return try result.get()
    }

    private init(_ system: BenchSystem, _ redis: BenchRedis, _ directory: String) {
        self.system = system
        self.redis = redis
        self.directory = directory
        records = BenchRecordFile(path: directory + "/records")
    }

    /// Where its Redis is.
    var configuration: RedisConfiguration { get throws { try StoreSession.configuration(url: redis.url) } }

    /// Starts a process of the system.
    func start(_ verb: String, _ order: some Encodable) throws -> Subprocess {
        let text = String(decoding: try JSONEncoder().encode(order), as: UTF8.self)
        return try process(
            system.command[0], system.command.dropFirst() + [verb, text], named: verb,
            environment: ["BENCH_REDIS": redis.url, "BENCH_RECORDS": records.path])
    }

    /// Starts any process; what it writes is in `<name>.out` and `<name>.err`.
    func process(
        _ program: String, _ arguments: [String], named name: String, environment: [String: String]
    ) throws -> Subprocess {
        try Subprocess(
            program, arguments, environment: Programs.environment.merging(environment) { $1 },
            output: "\(directory)/\(name).out", errors: "\(directory)/\(name).err")
    }

    /// Starts a process that pushes as `order` describes, and waits for it.
    func push(_ order: PushOrder) async throws -> Pushed {
        let (before, cpu) = (try await redis.read(), ProcessTable.endedChildren)
        let pusher = try start("push", order)
        let status = await pusher.wait(within: .seconds(600))
        let (after, used) = (try await redis.read(), ProcessTable.endedChildren - cpu)
        if status == CommandExitCode.usage.rawValue { throw BenchUnsupported(tail("push.err")) }
        guard status == 0, let report = lastReport() else {
            try Task.checkCancellation()
            throw CommandFailure(.failed, "the pusher ended with \(status ?? -1): \(tail("push.err"))")
        }
        guard report.jobs == order.jobs else {
            throw CommandFailure(.failed, "\(report.jobs) of \(order.jobs) jobs were pushed")
        }
        return Pushed(report: report, redis: after.since(before), cpu: report.cpu ?? used)
    }

    /// Starts worker processes.
    func work(_ order: WorkOrder, processes count: Int = 1) throws -> BenchWorkers {
        BenchWorkers(stage: self, processes: try (0..<count).map { _ in try start("work", order) })
    }

    /// Writes a file for the processes; its path.
    func write(_ data: Data, to name: String) throws -> String {
        let path = "\(directory)/\(name)"
        try data.write(to: URL(filePath: path))
        return path
    }

    /// The end of a file of the processes.
    func tail(_ name: String) -> String {
        let text = (try? String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(5).joined(separator: "\n")
    }

    private func lastReport() -> PushReport? {
        let text = (try? String(contentsOfFile: directory + "/push.out", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").last { $0.hasPrefix("{") }
        return line.flatMap { try? JSONDecoder().decode(PushReport.self, from: Data($0.utf8)) }
    }
}

/// Directories of measurements; in memory where the system has a place for that.
enum BenchDirectory {
    /// A new directory.
    static func make(onDisk: Bool) throws -> String {
        let memory = "/dev/shm"
        let root = !onDisk && FileManager.default.isWritableFile(atPath: memory) ? memory : "/tmp"
        let path = "\(root)/martlet-bench-\(UUID().uuidString.prefix(8).lowercased())"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        return path
    }

    static func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}
