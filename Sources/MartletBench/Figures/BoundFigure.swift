// The bound: the most that one core of Redis can do, measured beside everything else.

import FoundationEssentials
import MartletCommandSupport

/// What Redis allows, by minimal scripts in deep pipelines and by round trips of bare sockets.
struct BoundFigure: Sendable {
    /// The name under which bounds are recorded.
    static let system = "bound"

    let session: BenchSession
    let run: Int

    /// Measures every bound that this run has not measured yet.
    func measure() async throws {
        for batch in [1, 10, 100] {
            _ = try await throughput(.push(batch))
            _ = try await throughput(.drain(batch, keep: true))
        }
        _ = try await pingPong(isSpaced: false)
        _ = try await pingPong(isSpaced: true)
        _ = try await roundTrips()
    }

    /// The Redis settings with which scripts are measured.
    enum Kind {
        case push(Int)
        case drain(Int, keep: Bool)

        var batch: Int {
            switch self {
            case .push(let batch), .drain(let batch, _): batch
            }
        }

        var variant: String {
            switch self {
            case .push(let batch): "push-b\(batch)"
            case .drain(let batch, let keep): keep ? "drain-kept-b\(batch)" : "drain-b\(batch)"
            }
        }
    }

    /// Returns the bound of a kind in this run.
    ///
    /// The first call measures all bounds with its batch size.
    func throughput(_ kind: Kind, on redis: BenchRedisKind = .stock) async throws -> BenchResult {
        let prefix = redis == .stock ? "" : redis.name + "-"
        if let known = session.result(.bound, prefix + kind.variant, Self.system, run) { return known }
        let jobs = session.options.count(kind.batch == 1 ? 60_000 : 120_000)
        let plain = try await phases(jobs, kind.batch, keep: false, redis)
        let kept = try await phases(jobs, kind.batch, keep: true, redis)
        let batch = kind.batch
        let drain = plain.map { [$0[1], $0[2]] }
        let found: [(Kind, Result<[BoundPhase], any Error>)] = [
            (.push(batch), plain.map { [$0[0]] }), (.drain(batch, keep: false), drain),
            (.drain(batch, keep: true), kept.map { [$0[1], $0[2]] }),
        ]
        for (kind, phases) in found {
            try await session.measure(.bound, prefix + kind.variant, Self.system, run) {
                BoundPhase.metrics(try phases.get(), jobs: jobs)
            }
        }
        guard let result = session.result(.bound, prefix + kind.variant, Self.system, run) else {
            throw CommandFailure(.failed, "the bound was not measured")
        }
        return result
    }

    /// Measures push, claim and finish on a private Redis.
    private func phases(
        _ jobs: Int, _ batch: Int, keep: Bool, _ kind: BenchRedisKind
    ) async throws -> Result<[BoundPhase], any Error> {
        do {
            var best: [BoundPhase] = []
            // The best of two attempts counts: a disturbance must not lower the bound.
            for _ in 0..<(session.options.isQuick ? 1 : 2) {
                let phases = try await BenchEnvironment.with(.martlet, kind, given: session.options.redisURL) { stage in
                    try await stage.redis.use { try BoundPhase.run($0, jobs: jobs, batch: batch, keep: keep) }
                }
                best = best.isEmpty ? phases : zip(best, phases).map { $0.seconds < $1.seconds ? $0 : $1 }
            }
            return .success(best)
        } catch {
            try Task.checkCancellation()
            return .failure(error)
        }
    }
}

/// One script over all jobs, in one deep pipeline.
struct BoundPhase: Sendable {
    /// By the wall clock.
    var seconds: Double
    /// The processor time of Redis.
    var cpu: Double
    /// By how much Redis' memory grew.
    var memory: Int

    /// Pushes, claims and finishes `jobs` jobs.
    static func run(_ redis: RawRedis, jobs: Int, batch: Int, keep: Bool) throws -> [BoundPhase] {
        let calls = BoundScripts.Calls(jobs: jobs, batch: batch)
        let phases = [
            try phase(redis, BoundScripts.enqueue, calls.enqueue), try phase(redis, BoundScripts.claim, calls.claim),
            try phase(redis, keep ? BoundScripts.keep : BoundScripts.finish, calls.finish),
        ]
        let left = try redis.command(["EXISTS", "b:w", "b:a"]).integer
        let kept = try redis.command(["ZCARD", "b:c"]).integer
        guard left == 0, kept == (keep ? jobs : 0) else {
            throw CommandFailure(.failed, "the minimal scripts left \(left ?? -1) keys and \(kept ?? -1) jobs")
        }
        return phases
    }

    private static func phase(
        _ redis: RawRedis, _ script: String, _ calls: ([UInt8]) -> [UInt8]
    ) throws -> BoundPhase {
        guard let sha = try redis.command(["SCRIPT", "LOAD", script]).text else {
            throw CommandFailure(.failed, "Redis has not loaded a script")
        }
        let bytes = calls(Array(sha.utf8))
        let before = RedisReading(try redis.command(["INFO", "everything"]).text ?? "")
        let seconds = try redis.pipeline(bytes)
        let after = RedisReading(try redis.command(["INFO", "everything"]).text ?? "").since(before)
        return BoundPhase(seconds: seconds, cpu: after.cpu, memory: after.memory)
    }

    /// The rates of phases one after another.
    static func metrics(_ phases: [BoundPhase], jobs: Int) -> [BenchMetric: Double] {
        let seconds = phases.reduce(0) { $0 + $1.seconds }
        let cpu = phases.reduce(0) { $0 + $1.cpu }
        let jobs = Double(jobs)
        var metrics: [BenchMetric: Double] = [
            .jobs: jobs, .seconds: seconds, .jobsPerSecond: jobs / seconds, .jobsPerCPU: jobs / max(cpu, 1e-9),
            .redisCPU: cpu / jobs * 100_000, .redisBusy: cpu / seconds,
        ]
        if phases.count == 1 { metrics[.memory] = Double(phases[0].memory) / jobs }
        return metrics
    }
}
