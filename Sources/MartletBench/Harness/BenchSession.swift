// One call of the benchmark: its options, its results so far, and what the figures share.

import MartletCommandSupport
import Synchronization

/// The options of a run.
struct BenchOptions: Sendable {
    var figures: [BenchFigure]
    var runs = 3
    /// How many jobs each figure takes; `nil` leaves that to the figure.
    var jobs: Int?
    /// Runs a tenth of the work or less, to check that everything works.
    var isQuick = false
    /// Also runs figures that take minutes and gigabytes.
    var isLarge = false
    /// The URL of a Redis that the caller provides.
    var redisURL: String?
    /// Martlet first, then peers.
    var systems: [BenchSystem] = [.martlet]

    /// How many jobs a figure takes that by itself would take `standard`.
    func count(_ standard: Int) -> Int { max(1, jobs ?? (isQuick ? min(standard, max(200, standard / 20)) : standard)) }
}

/// What figures share: the options, the results so far, and what is found once for several of them.
final class BenchSession: Sendable {
    let options: BenchOptions
    private let onResult: @Sendable (BenchResult) -> Void
    private let state = Mutex(State())

    private struct State {
        var results: [BenchResult] = []
        var paces: [String: BenchPace] = [:]
    }

    /// A session that hands each result to `onResult` at once.
    init(_ options: BenchOptions, onResult: @escaping @Sendable (BenchResult) -> Void) {
        self.options = options
        self.onResult = onResult
    }

    /// All results so far.
    var results: [BenchResult] { state.withLock { $0.results } }

    /// Keeps a result.
    func add(_ result: BenchResult) {
        state.withLock { $0.results.append(result) }
        onResult(result)
    }

    /// A result that was found before.
    func result(_ figure: BenchFigure, _ variant: String, _ system: String, _ run: Int) -> BenchResult? {
        state.withLock { state in
            state.results.last {
                $0.figure == figure.rawValue && $0.variant == variant && $0.system == system && $0.run == run
            }
        }
    }

    /// Measures, and records the result or the error; returns the result.
    @discardableResult
    func measure(
        _ figure: BenchFigure, _ variant: String, _ system: String, _ run: Int,
        _ body: () async throws -> [BenchMetric: Double]
    ) async throws -> BenchResult {
        var result = BenchResult(figure, variant, system: system, run: run)
        do {
            result = BenchResult(figure, variant, system: system, run: run, metrics: try await body())
        } catch {
            try Task.checkCancellation()
            result.error = CommandFailure(error).message
        }
        add(result)
        return result
    }

    /// Returns the approximate speed of a system, measured on the first call.
    func pace(of system: BenchSystem) async throws -> BenchPace {
        if let pace = state.withLock({ $0.paces[system.name] }) { return pace }
        let pace = try await BenchPace.find(system, redisURL: options.redisURL)
        state.withLock { $0.paces[system.name] = pace }
        return pace
    }

    /// How many jobs of `standard` a system gets: at most those of about three seconds at its own pace.
    func jobs(_ standard: Int, for system: BenchSystem, at rate: KeyPath<BenchPace, Double>) async throws -> Int {
        guard options.jobs == nil, !options.isQuick else { return options.count(standard) }
        let pace = try await pace(of: system)[keyPath: rate]
        return min(standard, max(2000, Int(pace * 3)))
    }
}

/// About how many jobs a second a system can do, so that slow ones are not measured for minutes.
struct BenchPace: Sendable, Equatable {
    var single: Double
    var bulk: Double
    var drain: Double

    /// Measures it with a few jobs.
    static func find(_ system: BenchSystem, redisURL: String?) async throws -> BenchPace {
        try await BenchEnvironment.with(system, given: redisURL) { stage in
            let single = try await stage.push(PushOrder(mode: .single, jobs: 300)).report
            let bulk = try await stage.push(PushOrder(mode: .bulk, jobs: 3000, batch: 500)).report
            let drain = try await DrainMeter(order: WorkOrder(concurrency: 100)).run(3300, on: stage)
            return BenchPace(
                single: 300 / max(single.seconds, 1e-3), bulk: 3000 / max(bulk.seconds, 1e-3),
                drain: drain[.jobsPerSecond] ?? 1000)
        }
    }
}
