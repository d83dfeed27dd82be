// How long a failed job waits before it is tried again.

/// Exponential waiting with an optional cap and jitter: the n-th retry waits `base × factorⁿ⁻¹`.
public struct RetryPolicy: Sendable, Hashable {
    /// The wait before the first retry.
    public var base: Duration
    /// By how much each further wait is longer; 1 keeps it fixed.
    public var factor: Double
    /// The longest wait.
    public var cap: Duration
    /// The share of the wait that is drawn at random, 0 to 1: 0.2 means ± 20 %.
    public var jitter: Double

    /// A policy; values outside their range are brought to its nearest end.
    public init(base: Duration, factor: Double = 2, cap: Duration = .seconds(86_400), jitter: Double = 0) {
        self.base = max(.zero, base)
        self.factor = factor.isFinite ? min(max(factor, 1), 1000) : 1
        self.cap = min(max(.zero, cap), .seconds(365 * 86_400))
        self.jitter = jitter.isFinite ? min(max(jitter, 0), 1) : 0
    }

    /// 1 s, 2 s, 4 s and so on, up to a day.
    public static let standard = RetryPolicy(base: .seconds(1))

    /// The same wait before every retry.
    public static func fixed(_ wait: Duration, jitter: Double = 0) -> RetryPolicy {
        RetryPolicy(base: wait, factor: 1, cap: wait, jitter: jitter)
    }

    /// Waits that grow by `factor`.
    public static func exponential(
        base: Duration = .seconds(1), factor: Double = 2, cap: Duration = .seconds(86_400), jitter: Double = 0
    ) -> RetryPolicy {
        RetryPolicy(base: base, factor: factor, cap: cap, jitter: jitter)
    }

    /// The wait before the retry that follows the `failures`-th failure, counted from 1.
    public func delay(afterFailure failures: Int) -> Duration {
        var generator = SystemRandomNumberGenerator()
        return delay(afterFailure: failures, using: &generator)
    }

    /// The same with a source of chance of the caller's.
    public func delay(afterFailure failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        let limit = cap.inSeconds
        var seconds = min(grown(failures), limit)
        guard jitter > 0 else { return .milliseconds(Int64((seconds * 1000).rounded())) }
        seconds *= Double.random(in: (1 - jitter)...(1 + jitter), using: &generator)
        return .milliseconds(Int64((min(seconds, limit) * 1000).rounded()))
    }

    /// `base × factorⁿ⁻¹`, which stops growing past the cap and after 10 000 failures, so that a large count costs nothing.
    private func grown(_ failures: Int) -> Double {
        var seconds = base.inSeconds
        var left = min(max(failures, 1), 10_000) - 1
        while left > 0, factor > 1, seconds < cap.inSeconds, seconds > 0 {
            seconds *= factor
            left -= 1
        }
        return seconds
    }
}

extension Duration {
    /// The duration in seconds, as precise as a double.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    /// The duration in whole milliseconds, rounded up, so that no wait is shorter than asked for; the largest number that
    /// there is for one beyond it.
    package var inMilliseconds: Int {
        let (seconds, attoseconds) = components
        let part = attoseconds / 1_000_000_000_000_000
        let rest = attoseconds % 1_000_000_000_000_000 > 0 ? 1 : 0
        let (whole, isTooLarge) = Int(seconds).multipliedReportingOverflow(by: 1000)
        let (sum, isBeyond) = whole.addingReportingOverflow(Int(part) + rest)
        return isTooLarge || isBeyond ? (seconds < 0 ? .min : .max) : sum
    }
}
