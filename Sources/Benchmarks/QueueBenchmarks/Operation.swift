// One small operation of the hot path: timed by the benchmark's own command, counted by scripts/bench --check.

import Benchmark

/// An operation that is repeated as often as somebody asks.
struct Operation {
    /// The target whose code it is; its thresholds stand in a file of this name.
    let target: String
    let name: String
    let repeated: (Int) -> Void

    /// An operation whose result nobody needs; one that throws is a fault of the benchmark.
    init<Value>(_ target: String, _ name: String, _ body: @escaping () throws -> Value) {
        self.target = target
        self.name = name
        repeated = { count in
            for _ in 0..<count {
                do { blackHole(try body()) } catch { preconditionFailure("\(name): \(error)") }
            }
        }
    }
}

/// Repeats an operation; scripts/bench-check tells valgrind this function's name.
@inline(never)
func countedSection(_ operation: Operation, _ count: Int) -> Int {
    operation.repeated(count)
    return count
}
