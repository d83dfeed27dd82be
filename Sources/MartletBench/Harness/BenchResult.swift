// What a benchmark found: one figure of one system in one run, and several runs together.

import FoundationEssentials

/// One figure of one system, measured once.
///
/// As JSON it is one line: `{"figure":"drain","variant":"c100","system":"martlet","run":1,"metrics":{…}}`.
struct BenchResult: Codable, Sendable, Equatable {
    /// What was measured, a ``BenchFigure`` by its name: `drain`.
    var figure: String
    /// The variant: `c100`, `c100-kept`, `batch100`.
    var variant: String
    /// The system: `martlet`, `bound`, or the name of a peer.
    var system: String
    /// Which run this is, from 1.
    var run: Int
    /// The values, by the names of ``BenchMetric``.
    var metrics: [String: Double]
    /// Why there are no values, when there are none.
    var error: String?

    init(
        _ figure: BenchFigure, _ variant: String, system: String, run: Int, metrics: [BenchMetric: Double] = [:],
        error: String? = nil
    ) {
        self.figure = figure.rawValue
        self.variant = variant
        self.system = system
        self.run = run
        self.metrics = [:]
        for (metric, value) in metrics where value.isFinite { self.metrics[metric.rawValue] = Self.rounded(value) }
        self.error = error
    }

    /// One value; `nil` when it was not measured.
    subscript(metric: BenchMetric) -> Double? { metrics[metric.rawValue] }

    /// The result as one line of JSON.
    var line: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }

    /// Rounds to six digits, which is more than a measurement is precise to.
    private static func rounded(_ value: Double) -> Double {
        guard value != 0 else { return 0 }
        var scale = 1.0
        var size = value.magnitude
        while size < 100_000, scale < 1e12 { (size, scale) = (size * 10, scale * 10) }
        return (value * scale).rounded() / scale
    }
}

/// The values that figures consist of; their units are in their names.
enum BenchMetric: String, Sendable, CaseIterable {
    /// How many jobs were measured.
    case jobs
    case jobsPerSecond = "jobs_per_second"
    /// Jobs for each second of the processor that Redis used.
    case jobsPerCPU = "jobs_per_redis_cpu_second"
    /// How long all of it took.
    case seconds
    /// The value over that of the bound in the same run; for times a smaller one is better.
    case ratioToBound = "ratio_to_bound"
    /// The median over that of the bound; `ratioToBound` of latencies is that of the 99th percentiles.
    case p50Ratio = "p50_ratio_to_bound"
    /// The 99th percentile over that of the bound with the same pauses.
    case spacedRatio = "ratio_to_spaced_bound"
    /// The median over that of the bound with the same pauses.
    case p50SpacedRatio = "p50_ratio_to_spaced_bound"
    /// The bound's own value, for which Redis had a core to itself.
    case bound
    /// The value over that of the comparison in the same run, less one: −0.05 is a loss of 5 %.
    case change
    case p50 = "p50_ms"
    case p99 = "p99_ms"
    case max = "max_ms"
    case min = "min_ms"
    /// How many jobs ran before they were due.
    case early
    /// What the 99th percentile may be at most.
    case goal = "goal_ms"
    /// The rate that was wanted of a paced push.
    case rate = "rate_per_second"
    case redisCPU = "redis_cpu_seconds_per_100k"
    /// The processor time of Redis for each job, in microseconds.
    case redisTime = "redis_cpu_us_per_job"
    /// What Redis used of the processor over what it used for the bound.
    case cpuRatio = "redis_cpu_ratio_to_bound"
    case workerCPU = "worker_cpu_seconds_per_100k"
    case pusherCPU = "pusher_cpu_seconds_per_100k"
    /// How much of a core Redis used.
    case redisBusy = "redis_busy"
    /// All commands, those that scripts call too.
    case commands = "commands_per_job"
    /// The calls of scripts.
    case scripts = "scripts_per_job"
    case bytesIn = "redis_in_bytes_per_job"
    case bytesOut = "redis_out_bytes_per_job"
    case memory = "memory_bytes_per_job"
    case requestsPerSecond = "requests_per_second"
    case bytesPerSecond = "bytes_per_second"
    case milliseconds = "ms"
    /// How much of a core the generator of the load used.
    case loadBusy = "load_busy"
    case serverCPU = "server_cpu_seconds_per_100k"
}

/// The middle and the ends of what several runs found.
struct BenchSpread: Codable, Sendable, Equatable {
    var median: Double
    var min: Double
    var max: Double

    /// `nil` when there are no values.
    init?(_ values: [Double]) {
        let sorted = values.sorted()
        guard let first = sorted.first, let last = sorted.last else { return nil }
        let middle = sorted.count / 2
        median = sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
        (min, max) = (first, last)
    }
}

/// All runs of one figure, variant and system.
struct BenchSummary: Codable, Sendable, Equatable {
    var figure: String
    var variant: String
    var system: String
    /// How many runs have values.
    var runs: Int
    var metrics: [String: BenchSpread]
    /// The errors, one for each run that had one.
    var errors: [String]

    subscript(metric: BenchMetric) -> BenchSpread? { metrics[metric.rawValue] }

    /// One summary for each figure, variant and system, in the order in which they first appear.
    static func of(_ results: [BenchResult]) -> [BenchSummary] {
        var order: [[String]] = []
        var groups: [[String]: [BenchResult]] = [:]
        for result in results {
            let key = [result.figure, result.variant, result.system]
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(result)
        }
        return order.map { key in
            let group = groups[key] ?? []
            let names = Set(group.flatMap(\.metrics.keys))
            var metrics: [String: BenchSpread] = [:]
            for name in names { metrics[name] = BenchSpread(group.compactMap { $0.metrics[name] }) }
            return BenchSummary(
                figure: key[0], variant: key[1], system: key[2], runs: group.count { $0.error == nil },
                metrics: metrics, errors: group.compactMap(\.error))
        }
    }
}
