// The goals themselves, in the order of the report.

extension BenchGoal {
    /// All goals.
    static var all: [BenchGoal] { throughput + cost + rates + latency + memory + shape + persistence + service }

    private static let throughput: [BenchGoal] = [
        share("run, 100 at a time, finished jobs deleted", .drain, "c100", 0.6),
        share("run, 100 at a time, finished jobs kept", .drain, "c100-kept", 0.6),
        share("run, 10 at a time", .drain, "c10", 0.45),
        share("bare handlers, 100 at a time, finished jobs deleted", .drain, "c100-bare", 0.6),
        share("bare handlers, 100 at a time, finished jobs kept", .drain, "c100-kept-bare", 0.6),
        share("bare handlers, 10 at a time", .drain, "c10-bare", 0.45),
        share("push in bulk", .push, "bulk", 0.6),
        share("push one by one, one client", .push, "single", 0.85, of: "redis-benchmark"),
        share("push one by one, 256 tasks", .push, "concurrent", 1),
    ]

    private static let cost: [BenchGoal] = [
        absolute("Redis CPU for 100,000 jobs, claim to end", .drain, "c100", .redisCPU, .atMost(0.95)),
        absolute("worker CPU for 100,000 jobs", .drain, "c100", .workerCPU, .atMost(0.9)),
        absolute("worker CPU for 100,000 jobs, bare handlers", .drain, "c100-bare", .workerCPU, .atMost(0.9)),
    ]

    /// Two thirds of what a job cost before the scripts became one function library: 389, 333, 256 and 116 µs.
    private static let rates: [BenchGoal] = [
        absolute("Redis CPU for a job at 200 jobs a second", .rates, "200", .redisTime, .atMost(259)),
        absolute("Redis CPU for a job at 1,000 jobs a second", .rates, "1000", .redisTime, .atMost(222)),
        absolute("Redis CPU for a job at 2,000 jobs a second", .rates, "2000", .redisTime, .atMost(171)),
        absolute("Redis CPU for a job at 5,000 jobs a second", .rates, "5000", .redisTime, .atMost(77)),
    ]

    private static let latency: [BenchGoal] = [
        idle("pick-up from idle", .p50Ratio, .ratioToBound, "a BLPOP ping-pong"),
        idle("the same, with pauses in the ping-pong too", .p50SpacedRatio, .spacedRatio, "that ping-pong"),
        BenchGoal(
            name: "pick-up at half of the own rate", shown: [BenchValue(.half, "half", .p99)],
            terms: [
                term(BenchValue(.half, "half", .p99), .absolute, .atMost(5)),
                term(BenchValue(.half, "half", .rate), .absolute, .atLeast(25_000)),
            ]),
        absolute("pick-up at 25,000 jobs a second", .half, "25k", .p99, .atMost(5)),
        BenchGoal(
            name: "10,000 jobs due at once, how late",
            shown: [BenchValue(.scheduled, "at-once", .p50), BenchValue(.scheduled, "at-once", .p99)],
            terms: [
                term(
                    BenchValue(.scheduled, "at-once", .p99), .own(.goal, "twice the time of a drain + 20 ms"),
                    .atMost(0)),
                term(BenchValue(.scheduled, "at-once", .early), .absolute, .atMost(0)),
            ]),
    ]

    private static let memory: [BenchGoal] = [
        absolute("a waiting job in Redis, our redis.conf", .memory, "shipped", .memory, .atMost(500)),
        absolute("a waiting job in Redis, stock settings", .memory, "stock", .memory, .atMost(700)),
    ]

    private static let shape: [BenchGoal] = [
        absolute("ten priorities instead of one", .priorities, "ten", .change, .atLeast(-0.05)),
        absolute("1,000,000 waiting instead of 1,000", .backlog, "1M", .change, .atLeast(-0.1)),
        absolute("10,000,000 waiting instead of 1,000", .backlog, "10M", .change, .atLeast(-0.2)),
        absolute("two worker processes instead of one", .workers, "two", .change, .atLeast(-0.05)),
    ]

    private static let persistence: [BenchGoal] = [
        share("run, append-only file synced each second", .aof, "drain", 0.6, of: "the bound with such a file"),
        share("push in bulk, append-only file", .aof, "push", 0.6, of: "the bound with such a file"),
    ]

    private static let service: [BenchGoal] = [
        share("POST /api/v1/jobs, 64 connections", .http, "jobs", 0.6, of: "an empty route", .requestsPerSecond),
        BenchGoal(
            name: "POST /api/downloads/batch, 10,000 ids", shown: [BenchValue(.http, "batch", .milliseconds)],
            terms: [term(BenchValue(.http, "batch", .ratioToBound), .multiple("the bulk push itself"), .atMost(4))]),
        share("download one GiB, SHA-256 checked", .download, "big", 0.8, of: "curl", .bytesPerSecond),
        share("download 2,000 files of 64 KiB, 10 at a time", .download, "small", 1, of: "aria2c", .bytesPerSecond),
        absolute("start of a worker process to its first job", .start, "worker", .milliseconds, .atMost(100)),
    ]

    /// A share of the bound.
    private static func share(
        _ name: String, _ figure: BenchFigure, _ variant: String, _ limit: Double, of bound: String = "the bound",
        _ metric: BenchMetric = .jobsPerSecond
    ) -> BenchGoal {
        BenchGoal(
            name: name, shown: [BenchValue(figure, variant, metric)],
            terms: [term(BenchValue(figure, variant, .ratioToBound), .share(bound), .atLeast(limit))])
    }

    /// A number.
    private static func absolute(
        _ name: String, _ figure: BenchFigure, _ variant: String, _ metric: BenchMetric, _ limit: Limit
    ) -> BenchGoal {
        let value = BenchValue(figure, variant, metric)
        return BenchGoal(name: name, shown: [value], terms: [term(value, .absolute, limit)])
    }

    /// Latency from idle, twice and three times that of something else.
    private static func idle(_ name: String, _ p50: BenchMetric, _ p99: BenchMetric, _ other: String) -> BenchGoal {
        BenchGoal(
            name: name, shown: [BenchValue(.latency, "idle", .p50), BenchValue(.latency, "idle", .p99)],
            terms: [
                term(BenchValue(.latency, "idle", p50), .multiple(other), .atMost(2)),
                term(BenchValue(.latency, "idle", p99), .multiple(other), .atMost(3)),
            ])
    }

    private static func term(_ value: BenchValue, _ yardstick: Yardstick, _ limit: Limit) -> Term {
        Term(value: value, yardstick: yardstick, limit: limit)
    }
}
