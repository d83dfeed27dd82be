// Push and drain: how many jobs go in a second, and how many come out.

/// How fast jobs are pushed.
struct PushFigure: Sendable {
    let session: BenchSession
    let run: Int

    func measure() async throws {
        let bound = BoundFigure(session: session, run: run)
        for system in session.options.systems {
            var order = PushOrder(mode: .bulk, jobs: try await session.jobs(200_000, for: system, at: \.bulk))
            // Two calls under way: while Redis works on one, the next is encoded.
            order.batch = 500
            order.tasks = 2
            try await push(system, "bulk", order, bound: try await bound.throughput(.push(100)))
            order = PushOrder(mode: .single, jobs: try await session.jobs(20_000, for: system, at: \.single))
            try await push(system, "single", order, bound: try await bound.roundTrips())
            order = PushOrder(mode: .concurrent, jobs: try await session.jobs(100_000, for: system, at: \.bulk))
            order.tasks = 256
            try await push(system, "concurrent", order, bound: try await bound.throughput(.push(1)))
        }
    }

    private func push(
        _ system: BenchSystem, _ variant: String, _ order: PushOrder, bound: BenchResult
    ) async throws {
        try await session.measure(.push, variant, system.name, run) {
            try await BenchEnvironment.with(system, given: session.options.redisURL) { stage in
                try await stage.push(order).metrics.compared(with: bound)
            }
        }
    }
}

/// How fast jobs that wait are run.
struct DrainFigure: Sendable {
    let session: BenchSession
    let run: Int

    /// The variants: how many jobs at once, and whether finished ones stay.
    static let variants: [(name: String, order: WorkOrder)] = [
        ("c100", WorkOrder(concurrency: 100)), ("c100-kept", WorkOrder(concurrency: 100, keep: true)),
        ("c10", WorkOrder(concurrency: 10)),
    ]
    /// The variants that only Martlet's worker supports: handlers that take the payload's bytes and run where replies
    /// arrive.
    ///
    /// The bound does the same: it decodes nothing and does not switch threads.
    static let bareVariants: [(name: String, order: WorkOrder)] = variants.map { name, order in
        var order = order
        order.bare = true
        return (name + "-bare", order)
    }

    func measure() async throws {
        for system in session.options.systems {
            let variants = Self.variants + (system.name == BenchSystem.own ? Self.bareVariants : [])
            for (name, order) in variants { _ = try await drain(system, name, order) }
        }
    }

    /// Runs one drain, or returns the result of the same variant in this run.
    func drain(_ system: BenchSystem, _ variant: String, _ order: WorkOrder) async throws -> BenchResult {
        if let known = session.result(.drain, variant, system.name, run) { return known }
        let kind = BoundFigure.Kind.drain(order.concurrency, keep: order.keep)
        let bound = try await BoundFigure(session: session, run: run).throughput(kind)
        let jobs = try await session.jobs(200_000, for: system, at: \.drain)
        return try await session.measure(.drain, variant, system.name, run) {
            try await BenchEnvironment.with(system, given: session.options.redisURL) { stage in
                _ = try await stage.push(PushOrder(mode: .bulk, jobs: jobs, batch: 500))
                return try await DrainMeter(order: order).run(jobs, on: stage).compared(with: bound)
            }
        }
    }
}

extension [BenchMetric: Double] {
    /// The same with the bound's rate and the ratio to it.
    func compared(with bound: BenchResult, by metric: BenchMetric = .jobsPerSecond) -> [BenchMetric: Double] {
        guard let own = self[metric], let most = bound[metric], most > 0 else { return self }
        var metrics = self
        metrics[.bound] = most
        metrics[.ratioToBound] = own / most
        if let cpu = self[.redisCPU], let least = bound[.redisCPU], least > 0 { metrics[.cpuRatio] = cpu / least }
        return metrics
    }
}
