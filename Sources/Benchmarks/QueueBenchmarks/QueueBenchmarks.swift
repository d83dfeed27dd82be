// Micro-benchmarks.
import Benchmark

let benchmarks: @Sendable () -> Void = {
}
