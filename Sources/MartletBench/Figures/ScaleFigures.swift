// How throughput changes with priorities, with the length of the queue, with processes and with persistence.

import MartletCommandSupport

/// Drains that are compared with each other.
struct ScaleFigure: Sendable {
    let session: BenchSession
    let run: Int
    private static let worker = WorkOrder(concurrency: 100)

    /// Ten priorities in turn, and one.
    func measurePriorities() async throws {
        for system in session.options.systems {
            let jobs = try await session.jobs(200_000, for: system, at: \.drain)
            try await compare(.priorities, system, ["one", "ten"]) { variant, stage in
                var (push, work) = (PushOrder(mode: .bulk, jobs: jobs, batch: 500), Self.worker)
                // One priority too takes the way of a push that names it.
                push.priorities = variant == "ten" ? 10 : 1
                work.priorities = push.priorities
                _ = try await stage.push(push)
                return try await DrainMeter(order: work).run(jobs, on: stage)
            }
        }
    }

    /// Jobs from the top of a long queue, while all others go on waiting.
    func measureBacklog() async throws {
        var depths = [("1k", 1000), ("1M", 1_000_000)]
        if session.options.isLarge { depths.append(("10M", 10_000_000)) }
        if session.options.isQuick { depths = [("1k", 1000), ("10k", 10_000)] }
        let waiting = Dictionary(uniqueKeysWithValues: depths)
        for system in session.options.systems {
            let window = try await session.jobs(100_000, for: system, at: \.drain)
            try await compare(.backlog, system, depths.map(\.0)) { variant, stage in
                let jobs = window + (waiting[variant] ?? 0)
                _ = try await stage.push(PushOrder(mode: .bulk, jobs: jobs, batch: 500))
                try await stage.redis.waitUntilGrown()
                return try await DrainMeter(order: Self.worker, window: window).run(jobs, on: stage)
            }
        }
    }

    /// Two worker processes on the same queue, and one.
    func measureWorkers() async throws {
        for system in session.options.systems {
            let jobs = try await session.jobs(200_000, for: system, at: \.drain)
            try await compare(.workers, system, ["one", "two"]) { variant, stage in
                _ = try await stage.push(PushOrder(mode: .bulk, jobs: jobs, batch: 500))
                return try await DrainMeter(order: Self.worker, processes: variant == "two" ? 2 : 1)
                    .run(jobs, on: stage)
            }
        }
    }

    /// Push and drain on a Redis that writes everything to a file.
    func measureAppendOnly() async throws {
        guard session.options.redisURL == nil else {
            throw CommandFailure(.usage, "the figure aof needs a Redis of its own: leave --redis out")
        }
        let bound = BoundFigure(session: session, run: run)
        let most = (
            push: try await bound.throughput(.push(100), on: .appendOnly),
            drain: try await bound.throughput(.drain(100, keep: false), on: .appendOnly)
        )
        for system in session.options.systems {
            let jobs = try await session.jobs(200_000, for: system, at: \.drain)
            try await BenchEnvironment.with(system, .appendOnly) { stage in
                try await session.measure(.aof, "push", system.name, run) {
                    try await stage.push(PushOrder(mode: .bulk, jobs: jobs, batch: 500)).metrics
                        .compared(with: most.push)
                }
                try await session.measure(.aof, "drain", system.name, run) {
                    try await DrainMeter(order: Self.worker).run(jobs, on: stage).compared(with: most.drain)
                }
            }
        }
    }

    /// Measures variants on a stage each; all but the first say by how much they differ from the first.
    private func compare(
        _ figure: BenchFigure, _ system: BenchSystem, _ variants: [String],
        _ body: @escaping @Sendable (String, BenchEnvironment) async throws -> [BenchMetric: Double]
    ) async throws {
        var first: Double?
        for variant in variants {
            let base = first
            let result = try await session.measure(figure, variant, system.name, run) {
                var metrics = try await BenchEnvironment.with(system, given: session.options.redisURL) { stage in
                    try await body(variant, stage)
                }
                if let base, let own = metrics[.jobsPerSecond] { metrics[.change] = own / base - 1 }
                return metrics
            }
            if variant == variants.first { first = result[.jobsPerSecond] }
        }
    }
}

/// What a waiting job takes in Redis.
struct MemoryFigure: Sendable {
    let session: BenchSession
    let run: Int

    func measure() async throws {
        let kinds: [(String, BenchRedisKind)] = [("stock", .stock), ("shipped", .shipped)]
        for (variant, kind) in session.options.redisURL == nil ? kinds : [("given", .stock)] {
            let bound = try await BoundFigure(session: session, run: run).throughput(.push(100), on: kind)
            for system in session.options.systems {
                let jobs = try await session.jobs(100_000, for: system, at: \.bulk)
                try await session.measure(.memory, variant, system.name, run) {
                    try await BenchEnvironment.with(system, kind, given: session.options.redisURL) { stage in
                        let pushed = try await stage.push(PushOrder(mode: .bulk, jobs: jobs, batch: 500))
                        let bytes = Double(pushed.redis.memory) / Double(jobs)
                        return [BenchMetric.jobs: Double(jobs), .memory: bytes].compared(with: bound, by: .memory)
                    }
                }
            }
        }
    }
}
