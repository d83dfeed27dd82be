// Latency: from the push of a job, or from the moment when it is due, to the start of its handler.

import MartletCommandSupport

/// Jobs that are pushed while a worker waits for them.
struct LatencyFigure: Sendable {
    let session: BenchSession
    let run: Int

    /// How many jobs the worker of every latency figure runs at once.
    private static let worker = WorkOrder(concurrency: 100)

    /// One job after another with pauses of 25 to 75 ms, so that each meets an idle system.
    func measureIdle() async throws {
        let bound = BoundFigure(session: session, run: run)
        let (tight, spaced) = (try await bound.pingPong(isSpaced: false), try await bound.pingPong(isSpaced: true))
        let jobs = session.options.isQuick ? 20 : 200
        for system in session.options.systems {
            try await session.measure(.latency, "idle", system.name, run) {
                var metrics = try await paced(system, jobs: jobs, rate: 20)
                metrics[.ratioToBound] = Self.ratio(metrics[.p99], tight[.p99])
                metrics[.p50Ratio] = Self.ratio(metrics[.p50], tight[.p50])
                metrics[.spacedRatio] = Self.ratio(metrics[.p99], spaced[.p99])
                metrics[.p50SpacedRatio] = Self.ratio(metrics[.p50], spaced[.p50])
                return metrics
            }
        }
    }

    /// A steady stream at half of what the system can drain, and at 25 000 a second where that is less.
    func measureHalf() async throws {
        for system in session.options.systems {
            let drain = DrainFigure(session: session, run: run)
            guard let most = try await drain.drain(system, "c100", Self.worker)[.jobsPerSecond] else { continue }
            var rates = [("half", most / 2)]
            if most > 25_000 { rates.append(("25k", 25_000)) }
            for (name, rate) in rates {
                let jobs = session.options.jobs ?? Int(rate * (session.options.isQuick ? 0.5 : 5))
                try await session.measure(.half, name, system.name, run) {
                    try await paced(system, jobs: max(100, jobs), rate: rate)
                }
            }
        }
    }

    private static func ratio(_ value: Double?, _ bound: Double?) -> Double? {
        guard let value, let bound, bound > 0 else { return nil }
        return value / bound
    }

    /// Pushes at a rate while a warm worker waits.
    private func paced(_ system: BenchSystem, jobs: Int, rate: Double) async throws -> [BenchMetric: Double] {
        try await BenchEnvironment.with(system, given: session.options.redisURL) { stage in
            try await stage.withWarmCrew(Self.worker) { crew in
                let (before, cpu) = (try await stage.redis.read(), crew.cpu)
                let pushed = try await stage.push(PushOrder(mode: .paced, jobs: jobs, rate: rate))
                try await crew.wait(for: jobs + 1)
                let (redis, used) = (try await stage.redis.read().since(before), crew.cpu - cpu)
                let records = try await crew.finish(jobs + 1).dropFirst()
                var metrics = redis.perJob(jobs).merging(Samples(records.map(\.delay)).milliseconds) { $1 }
                metrics[.jobs] = Double(jobs)
                metrics[.rate] = rate
                metrics[.jobsPerSecond] = Double(jobs) / pushed.report.seconds
                metrics[.workerCPU] = used / Double(jobs) * 100_000
                metrics[.redisBusy] = redis.cpu / pushed.report.seconds
                return metrics
            }
        }
    }
}

/// Many jobs that fall due at the same instant.
struct ScheduledFigure: Sendable {
    /// From this on a lead is not made longer, in seconds.
    private static let longestLead = 60.0

    let session: BenchSession
    let run: Int

    func measure() async throws {
        for system in session.options.systems {
            let worker = WorkOrder(concurrency: 100)
            let drain = try await DrainFigure(session: session, run: run).drain(system, "c100", worker)
            let jobs = session.options.count(10_000)
            // Time for the pushes, then two seconds in which nothing happens.
            let bulk = session.options.isQuick ? 2000 : try await session.pace(of: system).bulk
            let lead = Double(jobs) / bulk * 1.6 + 2
            try await session.measure(.scheduled, "at-once", system.name, run) {
                var metrics = try await measure(jobs, in: lead, system, worker)
                // What the goal allows: twice the time of a drain, and 20 ms.
                metrics[.goal] = drain[.jobsPerSecond].map { 2000 * Double(jobs) / $0 + 20 }
                return metrics
            }
        }
    }

    /// Measures anew with a longer lead while the pushes take too long, as on a machine that does other work too.
    private func measure(
        _ jobs: Int, in lead: Double, _ system: BenchSystem, _ worker: WorkOrder
    ) async throws -> [BenchMetric: Double] {
        var lead = lead
        while true {
            do {
                return try await BenchEnvironment.with(system, given: session.options.redisURL) { [lead] stage in
                    try await stage.withWarmCrew(worker) { crew in
                        try await fallDue(jobs, in: lead, on: stage, crew)
                    }
                }
            } catch let late as LatePushes {
                guard lead < Self.longestLead else { throw late }
                lead *= 3
            }
        }
    }

    private func fallDue(
        _ jobs: Int, in lead: Double, on stage: BenchEnvironment, _ crew: BenchWorkers
    ) async throws -> [BenchMetric: Double] {
        let due = Int((BenchClock.now + lead) * 1000)
        let before = try await stage.redis.read()
        _ = try await stage.push(PushOrder(mode: .bulk, jobs: jobs, batch: 500, due: due))
        guard BenchClock.now < Double(due) / 1000 else { throw LatePushes() }
        try await crew.wait(for: jobs + 1)
        let redis = try await stage.redis.read().since(before)
        // The first job is the one that warmed the worker.
        let delays = try await crew.finish(jobs + 1).dropFirst().map(\.delay)
        return redis.perJob(jobs).merging(Samples(delays).milliseconds) { $1 }.merging([
            .jobs: Double(jobs), .early: Double(delays.count { $0 < 0 }),
        ]) { $1 }
    }
}

/// The pushes took longer than the time until the jobs were due.
private struct LatePushes: CommandFailureConvertible {
    var commandFailure: CommandFailure {
        CommandFailure(.failed, "the pushes took longer than the time until the jobs were due")
    }
}

extension BenchEnvironment {
    /// Calls `body` with a worker that has run one job and now waits; ends it if `body` has not.
    func withWarmCrew<Value>(_ order: WorkOrder, _ body: (BenchWorkers) async throws -> Value) async throws -> Value {
        let crew = try work(order)
        do {
            _ = try await push(PushOrder(mode: .single, jobs: 1))
            try await crew.wait(for: 1)
            // Long enough for the work after the first job to finish.
            try await Task.sleep(for: .milliseconds(500))
            return try await body(crew)
        } catch {
            await crew.stop()
            throw error
        }
    }
}
