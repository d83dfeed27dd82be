// How values of a job are stored, and the bounds of what is read again.

import FoundationEssentials
package import MartletJobs

extension Int {
    /// The number clamped to a valid count.
    var asCount: Int { Swift.min(Swift.max(self, 0), Int(Int32.max)) }
    /// The number clamped to a valid priority.
    var asPriority: Int { Swift.min(Swift.max(self, Schema.priorities.lowerBound), Schema.priorities.upperBound) }
    /// The number as a delay in milliseconds, clamped to 1 ms to a year.
    var asWait: Int { Swift.min(Swift.max(self, 1), Schema.longestWait) }
}

/// The field `l`: all losses, and those that count towards poison.
struct Losses {
    var all: Int
    var inARow: Int

    init?(_ bytes: [UInt8]) {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard let first = words.first, let all = Int(first)?.asCount else { return nil }
        self.all = all
        inARow = max(0, all - (words.dropFirst().first.flatMap { Int($0) }?.asCount ?? 0))
    }
}

extension Date {
    /// The milliseconds that calendars can represent, the years 1 to 9999; stored values may be anything.
    private static let range = -62_135_596_800_000...253_402_300_799_999

    init(milliseconds: Int) {
        let bounded = min(max(milliseconds, Self.range.lowerBound), Self.range.upperBound)
        self.init(timeIntervalSince1970: Double(bounded) / 1000)
    }
}

extension JobProgress {
    /// `completed/total/rate`, the last two empty when unknown.
    package var stored: String {
        // A rate may be the result of a handler's division; non-finite values are dropped.
        let rate = self.rate.flatMap { (0...1e15).contains($0) ? String(Int64($0.rounded())) : nil }
        return "\(Self.bounded(completed))/\(total.map { String(Self.bounded($0)) } ?? "")/\(rate ?? "")"
    }

    /// A number within the exact range of doubles, so that computations with it cannot overflow.
    private static func bounded(_ units: Int64) -> Int64 { min(max(units, 0), 1 << 53) }

    /// Parses the form of ``stored``; `nil` for any other text.
    package init?(stored text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let completed = Int64(parts[0]) else { return nil }
        // A rate is stored as an integer.
        let rate = Double(parts[2]).flatMap { (0...1e15).contains($0) ? $0.rounded() : nil }
        self.init(completed: Self.bounded(completed), total: Int64(parts[1]).map(Self.bounded), rate: rate)
    }
}

extension RetryPolicy {
    /// `base:factor:cap:jitter`, durations in ms.
    package var stored: String { "\(base.inMilliseconds):\(factor):\(cap.inMilliseconds):\(jitter)" }

    /// Parses the form of ``stored``; `nil` for any other text.
    package init?(stored text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 4, let base = Int(parts[0]), let factor = Double(parts[1]), let cap = Int(parts[2]),
            let jitter = Double(parts[3])
        else { return nil }
        self.init(base: .milliseconds(base), factor: factor, cap: .milliseconds(cap), jitter: jitter)
    }
}
