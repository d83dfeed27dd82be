// Rates of the last minute, from the counters of queues as they were seen.

import MartletCommandSupport
import MartletJSON

/// How many jobs ended, by the time at which that was seen.
struct TopRates: Sendable {
    /// A counter of a queue.
    enum Counter: String, Sendable { case completed, failed }

    private struct Sample: Sendable {
        var time: Double
        var totals: [String: [Counter: Int]]
    }

    /// The seconds over which a rate is an average, and those that a line of bars covers.
    private static let window = 10.0
    private static let span = 60.0

    private var samples: [Sample] = []

    /// Notes the counters of an answer of `/queues`.
    mutating func note(_ queues: [JSONValue], at time: Double) {
        var totals: [String: [Counter: Int]] = [:]
        for queue in queues {
            guard let name = queue["name"].string else { continue }
            let counts = queue["totals"]
            totals[name] = [.completed: counts["completed"].int ?? 0, .failed: counts["failed"].int ?? 0]
        }
        samples.append(Sample(time: time, totals: totals))
        samples.removeAll { time - $0.time > Self.span + 2 }
    }

    /// Jobs a second over the last ten seconds, of one queue or of all; `nil` before there are two samples.
    func rate(_ counter: Counter, of queue: String? = nil) -> Double? {
        guard let last = samples.last, let first = samples.first(where: { last.time - $0.time <= Self.window }),
            first.time < last.time
        else { return nil }
        return Self.change(counter, first, last, queue)
    }

    /// The rates of the last minute as bars, the newest on the right; empty when nothing happened.
    ///
    /// - Parameter count: how many bars there are at most.
    func bars(_ counter: Counter, of queue: String? = nil, count: Int) -> String {
        guard let last = samples.last else { return "" }
        let width = Self.span / Double(count)
        var values = [Double](repeating: 0, count: count)
        for (before, after) in zip(samples, samples.dropFirst()) where after.time > before.time {
            let index = count - 1 - HumanReadable.whole((last.time - after.time) / width)
            guard values.indices.contains(index) else { continue }
            values[index] = max(values[index], Self.change(counter, before, after, queue))
        }
        guard let highest = values.max(), highest > 0 else { return "" }
        return String(values.map { Self.bar($0 / highest) })
    }

    /// A queue that is new counts from nothing, and one that was deleted does not count backwards.
    private static func change(_ counter: Counter, _ first: Sample, _ last: Sample, _ queue: String?) -> Double {
        var sum = 0
        for name in queue.map({ [$0] }) ?? Array(last.totals.keys) {
            guard let before = first.totals[name], let after = last.totals[name] else { continue }
            sum &+= max(0, after[counter, default: 0] &- before[counter, default: 0])
        }
        return Double(sum) / (last.time - first.time)
    }

    private static func bar(_ share: Double) -> Character {
        let bars: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
        return bars[HumanReadable.whole((share * 8).rounded(.up))]
    }
}
