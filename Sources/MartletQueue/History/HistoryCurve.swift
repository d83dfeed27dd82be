// What the counters of a queue were at any moment, from samples of them.

import MartletRedis

/// The counters of a queue at one moment.
struct HistoryReading: Sendable, Hashable {
    /// Created, completed, failed, cancelled; with a fraction between two samples.
    var counters: [Double]
    /// Queued, active, delayed.
    var depths: [Int]
}

/// A sample, as an entry of a ring has it.
struct HistorySample: Sendable, Hashable {
    /// When it was taken, in ms.
    var at: Int
    /// How long nobody had swept before, in ms; 0 where that is not known.
    var quiet: Int
    /// Created, completed, failed, cancelled, queued, active, delayed.
    var numbers: [Int]

    init(at: Int, quiet: Int = 1000, numbers: [Int]) {
        self.at = at
        self.quiet = quiet
        self.numbers = numbers
    }

    private static let names = ["created", "completed", "failed", "cancelled", "queued", "active", "delayed"]

    /// Parses an entry; `nil` for what is none.
    init?(_ entry: RedisValue) {
        guard let entry = RingEntry(entry) else { return nil }
        func number(_ name: String) -> Int? { entry.values[name].flatMap { Int($0) } }
        let numbers = Self.names.compactMap { number($0)?.asLedgerCount }
        guard numbers.count == Self.names.count else { return nil }
        self.init(at: entry.at, quiet: min(max(number("quiet") ?? 0, 0), entry.at), numbers: numbers)
    }

    var reading: HistoryReading {
        HistoryReading(counters: numbers.prefix(4).map(Double.init), depths: Array(numbers.suffix(3)))
    }

    /// The samples in the order of their times, without those that a clock took which later went back.
    static func inOrder(_ entries: [HistorySample]) -> [HistorySample] {
        var kept: [HistorySample] = []
        for entry in entries {
            while let last = kept.last, last.at >= entry.at { kept.removeLast() }
            kept.append(entry)
        }
        return kept
    }
}

/// The samples of a ring, read at moments that only grow.
///
/// A slot without a sample is like the one before it. Between a sample and the slot before it counters grow evenly.
struct HistoryCurve: Sendable {
    private let samples: [HistorySample]
    private let ring: HistoryRing
    /// When the last sample may have been taken: until then all is as in the last one.
    private let swept: Int
    private var next = 0

    init(_ samples: [HistorySample], ring: HistoryRing, swept: Int) {
        self.samples = samples
        self.ring = ring
        self.swept = swept
    }

    /// What was counted at a moment in ms; `nil` where that is not known.
    mutating func reading(at time: Int) -> HistoryReading? {
        while next < samples.count, samples[next].at <= time { next += 1 }
        guard next > 0 else { return nil }
        let last = samples[next - 1]
        guard next < samples.count else { return time <= max(swept, last.at) ? last.reading : nil }
        return reading(at: time, after: last, before: samples[next])
    }

    private func reading(at time: Int, after last: HistorySample, before sample: HistorySample) -> HistoryReading? {
        if sample.quiet == 0 { return time == last.at ? last.reading : nil }
        let isGap = sample.quiet > ring.quiet
        let unchanged = max(last.at, sample.at - (isGap ? sample.quiet : max(sample.quiet, ring.slot)))
        guard time > unchanged else { return last.reading }
        if isGap { return nil }
        let part = Double(time - unchanged) / Double(sample.at - unchanged)
        let counters = zip(last.numbers, sample.numbers).prefix(4).map { Double($0) + Double($1 - $0) * part }
        return HistoryReading(counters: counters, depths: Array(last.numbers.suffix(3)))
    }
}
