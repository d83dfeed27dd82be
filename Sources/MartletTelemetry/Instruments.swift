// The instruments behind swift-metrics handles: atomic counters and gauges, histograms with a lock each.

import CoreMetrics
import Synchronization

/// One series: accepts values on any thread and writes its lines on request.
protocol Instrument: AnyObject, Sendable {
    /// The lines of the series; `labels` is the text between the braces.
    func lines(name: String, labels: String) -> String
}

/// A counter of integers and fractions.
final class CounterInstrument: CounterHandler, FloatingPointCounterHandler, Instrument {
    private let whole = Atomic<Int64>(0)
    /// The bits of a Double.
    private let fraction = Atomic<UInt64>(0)

    func increment(by amount: Int64) {
        // A counter never decreases, whatever the caller computed.
        guard amount > 0 else { return }
        whole.wrappingAdd(amount, ordering: .relaxed)
    }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        fraction.update { $0 + amount }
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        fraction.store(0, ordering: .relaxed)
    }

    func lines(name: String, labels: String) -> String {
        let rest = Double(bitPattern: fraction.load(ordering: .relaxed))
        let count = whole.load(ordering: .relaxed)
        let value = rest == 0 ? String(count) : ExpositionText.number(Double(count) + rest)
        return ExpositionText.line(name, labels: labels, value: value)
    }
}

/// Keeps the last value.
final class GaugeInstrument: MeterHandler, RecorderHandler, Instrument {
    /// The bits of a Double.
    private let bits = Atomic<UInt64>(0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func increment(by amount: Double) { bits.update { $0 + amount } }
    func decrement(by amount: Double) { bits.update { $0 - amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    func lines(name: String, labels: String) -> String {
        let value = Double(bitPattern: bits.load(ordering: .relaxed))
        return ExpositionText.line(name, labels: labels, value: ExpositionText.number(value))
    }
}

/// A histogram.
///
/// Its lock keeps buckets, sum and count of a scrape consistent.
final class HistogramInstrument: TimerHandler, RecorderHandler, Instrument {
    private struct Sums {
        /// The values per bucket (not cumulative); the last bucket has no upper bound.
        var counts: [UInt64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let sums: Mutex<Sums>

    init(bounds: [Double]) {
        self.bounds = bounds
        self.sums = Mutex(Sums(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(max(0, duration)) / 1_000_000_000) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        // NaN or infinity would corrupt the sum permanently.
        guard value.isFinite else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        sums.withLock {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    func lines(name: String, labels: String) -> String {
        let now = sums.withLock { $0 }
        let prefix = labels.isEmpty ? "" : labels + ","
        var text = ""
        var total: UInt64 = 0
        for (bound, count) in zip(bounds + [.infinity], now.counts) {
            total += count
            let le = "\(prefix)le=\"\(ExpositionText.number(bound))\""
            text += ExpositionText.line(name + "_bucket", labels: le, value: String(total))
        }
        text += ExpositionText.line(name + "_sum", labels: labels, value: ExpositionText.number(now.sum))
        text += ExpositionText.line(name + "_count", labels: labels, value: String(total))
        return text
    }
}

extension Atomic where Value == UInt64 {
    /// Changes the `Double` that the bits represent.
    fileprivate func update(_ change: (Double) -> Double) {
        var old = load(ordering: .relaxed)
        while true {
            let new = change(Double(bitPattern: old)).bitPattern
            let (exchanged, original) = weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }
}
