// The worker processes of a measurement, and what they have done so far.

import FoundationEssentials
import MartletCommandSupport

/// Running worker processes.
final class BenchWorkers: Sendable {
    /// How long to wait for the next finished job before giving up.
    private static let patience = Duration.seconds(30)

    private let stage: BenchEnvironment
    private let processes: [Subprocess]

    init(stage: BenchEnvironment, processes: [Subprocess]) {
        self.stage = stage
        self.processes = processes
    }

    /// Seconds of the processor that they have used.
    var cpu: Double { ProcessTable.cpu(of: processes.map(\.processID)) }

    /// Waits until `count` jobs have been handled; throws when that does not happen.
    func wait(for count: Int, every pause: Duration = .milliseconds(2)) async throws {
        var (last, since) = (-1, ContinuousClock.now)
        while true {
            // Before the count, which then has all that a process had handled when it ended.
            let hasEnded = processes.contains { $0.status != nil }
            let done = stage.records.count
            if done >= count { return }
            let now = ContinuousClock.now
            if done != last { (last, since) = (done, now) }
            guard !hasEnded, now - since < Self.patience else {
                if processes.contains(where: { $0.status == CommandExitCode.usage.rawValue }) {
                    throw BenchUnsupported(stage.tail("work.err"))
                }
                let reason = hasEnded ? "a worker ended" : "nothing happened for \(Self.patience)"
                throw CommandFailure(.failed, "\(done) of \(count) jobs were run; \(reason): \(stage.tail("work.err"))")
            }
            try await Task.sleep(for: pause)
        }
    }

    /// Stops them, and throws unless exactly `count` jobs were handled, or at least so many if `more` is set.
    func finish(_ count: Int, orMore more: Bool = false) async throws -> [BenchRecord] {
        await stop()
        let records = stage.records.records()
        guard records.count == count || (more && records.count > count) else {
            throw CommandFailure(.failed, "\(records.count) jobs were run instead of \(count)")
        }
        return records
    }

    /// Stops all of them.
    func stop() async {
        await withTaskGroup { group in
            for process in processes { group.addTask { await process.stop() } }
        }
    }
}

/// A drain: jobs that wait already, as fast as workers run them.
struct DrainMeter: Sendable {
    var order: WorkOrder
    var processes = 1
    /// How many jobs are measured; `nil` stands for all.
    var window: Int?

    /// Runs the `jobs` that wait on `stage`; the rate is that from the first handler's start to the last one's.
    func run(_ jobs: Int, on stage: BenchEnvironment) async throws -> [BenchMetric: Double] {
        let before = try await stage.redis.read()
        let crew = try stage.work(order, processes: processes)
        do {
            // The start of a process is not part of a job's cost.
            try await crew.wait(for: 1)
            let cpu = crew.cpu
            try await crew.wait(for: window ?? jobs)
            // The file may lag behind its workers: the number of jobs that Redis has seen is known only when they have
            // exited.
            let isPart = window != nil
            let early = try await stage.redis.read()
            let used = crew.cpu - cpu
            let records = try await crew.finish(window ?? jobs, orMore: isPart)
            let redis = isPart ? try await stage.redis.read() : early
            return Self.metrics(records, redis.since(before), isPart ? nil : used, window: window ?? jobs)
        } catch {
            await crew.stop()
            throw error
        }
    }

    private static func metrics(
        _ records: [BenchRecord], _ redis: RedisReading, _ cpu: Double?, window: Int
    ) -> [BenchMetric: Double] {
        guard let first = records.first, window > 1 else { return [:] }
        let seconds = max(records[window - 1].started - first.started, 1e-9)
        let perJob = redis.cpu / Double(records.count)
        var metrics = redis.perJob(records.count)
        metrics[.jobs] = Double(window)
        metrics[.seconds] = seconds
        metrics[.jobsPerSecond] = Double(window - 1) / seconds
        metrics[.redisBusy] = perJob * Double(window) / seconds
        metrics[.workerCPU] = cpu.map { $0 / Double(window) * 100_000 }
        return metrics
    }
}
