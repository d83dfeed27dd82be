// Histograms of how long jobs waited and ran: mergeable, with an error of at most 5 %.

/// How often times of each length occurred.
///
/// Each doubling of a microsecond has ten buckets of equal width, so the value that stands for a bucket is at most 4.8 % away from
/// any time in it. The time between 0 and 1 µs counts as 1 µs.
package struct TimeHistogram: Sendable, Hashable {
    /// The number of buckets; the last one has all longer times, from 70 years on.
    static let bucketLimit = 512
    private static let parts = 10

    /// The bucket of the first count.
    private var first = 0
    private var counts: [Int] = []

    package init() {}

    /// How many times it has.
    package var count: Int { counts.reduce(0) { $0.addingClamped($1) } }

    package mutating func record(_ time: Duration) { add(1, to: Self.bucket(of: time)) }

    package mutating func merge(_ other: TimeHistogram) {
        for (index, count) in other.counts.enumerated() where count > 0 { add(count, to: other.first + index) }
    }

    private mutating func add(_ count: Int, to bucket: Int) {
        if counts.isEmpty { first = bucket }
        if bucket < first {
            counts.insert(contentsOf: repeatElement(0, count: first - bucket), at: 0)
            first = bucket
        }
        let missing = bucket - first - counts.count + 1
        if missing > 0 { counts.append(contentsOf: repeatElement(0, count: missing)) }
        counts[bucket - first] = counts[bucket - first].addingClamped(count)
    }

    static func bucket(of time: Duration) -> Int {
        let microseconds = time / .microseconds(1)
        guard microseconds > 1 else { return 0 }
        let part = Int((microseconds.significand - 1) * Double(parts))
        return min(Int(microseconds.exponent) * parts + part, bucketLimit - 1)
    }

    /// The time that stands for a bucket: its error is the same for the shortest and the longest time in it.
    static func time(of bucket: Int) -> Duration {
        let base = Double(sign: .plus, exponent: bucket / parts, significand: 1)
        let low = base * (1 + Double(bucket % parts) / Double(parts))
        let high = base * (1 + Double(bucket % parts + 1) / Double(parts))
        return .microseconds(2 * low * high / (low + high))
    }

    /// The time that a share of all times does not exceed; `nil` without any.
    ///
    /// - Parameter share: from 0 to 1.
    package func quantile(_ share: Double) -> Duration? {
        let total = count
        guard total > 0 else { return nil }
        let rank = max(1, (share * Double(total)).rounded(.up))
        var seen = 0.0
        for (index, count) in counts.enumerated() {
            seen += Double(count)
            if seen >= rank { return Self.time(of: first + index) }
        }
        return Self.time(of: first + counts.count - 1)
    }
}

extension TimeHistogram {
    /// `<first bucket>:<count>,<count>…` with nothing in place of a zero, or `-`; the form that the scripts merge.
    var text: String {
        guard !counts.isEmpty else { return "-" }
        return "\(first):" + counts.map { $0 == 0 ? "" : "\($0)" }.joined(separator: ",")
    }

    /// Parses the form that is stored; what is none is empty.
    init(stored text: some StringProtocol) {
        let sides = text.split(separator: ":", maxSplits: 1)
        guard sides.count == 2, let start = Int(sides[0]), (0..<Self.bucketLimit).contains(start) else { return }
        let words = sides[1].split(separator: ",", omittingEmptySubsequences: false)
        for (index, word) in words.prefix(Self.bucketLimit - start).enumerated() {
            if let count = Int(word), count > 0 { add(count, to: start + index) }
        }
    }
}

extension Int {
    fileprivate func addingClamped(_ other: Int) -> Int { Swift.min(self, 1 << 53) + Swift.min(other, 1 << 53) }
}

/// How long jobs waited and how long they ran.
package struct JobTimes: Sendable, Hashable {
    package var wait = TimeHistogram()
    package var run = TimeHistogram()

    package init() {}

    package mutating func merge(_ other: JobTimes) {
        wait.merge(other.wait)
        run.merge(other.run)
    }

    var text: String { "\(wait.text) \(run.text)" }

    init(stored text: String) {
        let words = text.split(separator: " ")
        guard words.count == 2 else { return }
        wait = TimeHistogram(stored: words[0])
        run = TimeHistogram(stored: words[1])
    }
}
