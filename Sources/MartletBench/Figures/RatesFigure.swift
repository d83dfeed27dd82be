// What a job costs Redis at fixed rates, when jobs are pushed one by one while workers run them.

import MartletCommandSupport

/// The processor time of Redis for a job, from its push to its end, at rates far below the limit.
///
/// Calls carry few jobs then, so the fixed part of each call counts. 64 tasks of one process push single jobs, each at
/// its own moment of an open-loop schedule: a slow answer delays no other push. One worker runs them on 100 slots.
struct RatesFigure: Sendable {
    /// Jobs a second.
    static let rates = [200, 1000, 2000, 5000]
    private static let tasks = 64
    /// Finished jobs stay as long as a queue's own settings say, as those of a service do.
    private static let worker = WorkOrder(concurrency: 100, keep: true)

    let session: BenchSession
    let run: Int

    func measure() async throws {
        for rate in Self.rates {
            let jobs = session.options.jobs ?? Int(Double(rate) * (session.options.isQuick ? 0.5 : 8))
            try await session.measure(.rates, String(rate), BenchSystem.own, run) {
                try await steady(jobs: jobs, rate: Double(rate))
            }
        }
    }

    private func steady(jobs: Int, rate: Double) async throws -> [BenchMetric: Double] {
        var order = PushOrder(mode: .steady, jobs: jobs, rate: rate)
        order.tasks = Self.tasks
        return try await BenchEnvironment.with(.martlet, given: session.options.redisURL) { stage in
            try await stage.withWarmCrew(Self.worker) { crew in
                let (before, cpu) = (try await stage.redis.read(), crew.cpu)
                let pushed = try await stage.push(order)
                try await crew.wait(for: jobs + 1)
                let (redis, used) = (try await stage.redis.read().since(before), crew.cpu - cpu)
                let records = try await crew.finish(jobs + 1).dropFirst()
                return redis.perJob(jobs).merging(Samples(records.map(\.delay)).milliseconds) { $1 }.merging([
                    .jobs: Double(jobs), .rate: rate, .jobsPerSecond: Double(jobs) / pushed.report.seconds,
                    .redisTime: redis.cpu / Double(jobs) * 1_000_000, .redisBusy: redis.cpu / pushed.report.seconds,
                    .workerCPU: used / Double(jobs) * 100_000, .pusherCPU: pushed.cpu / Double(jobs) * 100_000,
                ]) { $1 }
            }
        }
    }
}
