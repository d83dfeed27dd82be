// The micro-benchmarks: every operation of the hot path, timed, or counted where MARTLET_COUNT says how often.

import Benchmark
import Dispatch
import FoundationEssentials
import Glibc

/// What the benchmark's own command looks for.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput], scalingFactor: .kilo, maxDuration: .seconds(1))
    for operation in allOperations() {
        Benchmark("\(operation.target): \(operation.name)") { benchmark in
            operation.repeated(benchmark.scaledIterations.count)
        }
    }
}

/// The benchmark's own command.
private struct Timing: BenchmarkRunnerHooks {
    static func registerBenchmarks() { benchmarks() }
}

// The type comes from the benchmark's build plugin.
extension BenchmarkRunner {
    /// Counts, or leaves everything to the benchmark's own command.
    ///
    /// Counting happens before anything asynchronous: valgrind cannot follow how an asynchronous program's first thread
    /// ends (up to 3.19 it writes to the signal mask of `sigsuspend`, which is read-only).
    static func main() {
        if let text = ProcessInfo.processInfo.environment["MARTLET_COUNT"], let times = Int(text) {
            return count(allOperations(), times)
        }
        Task {
            await Timing.main()
            exit(0)
        }
        dispatchMain()
    }
}

private func allOperations() -> [Operation] {
    do {
        return try jobOperations() + wireOperations() + requestOperations()
    } catch {
        preconditionFailure("the samples are wrong: \(error)")
    }
}

/// Runs each operation in two sections and prints which it was: the first makes what is made only once, the second
/// counts.
private func count(_ operations: [Operation], _ times: Int) {
    for operation in operations {
        blackHole(countedSection(operation, 20))
        blackHole(countedSection(operation, times))
        print("\(operation.target)\t\(operation.name)")
    }
}
