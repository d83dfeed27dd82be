// The delay of a failed job before its next attempt.

/// Exponential backoff with an optional cap and jitter: the n-th retry waits `base × factorⁿ⁻¹`.
///
/// ```swift
/// let policy = RetryPolicy.exponential(base: .seconds(5), cap: .seconds(3600), jitter: 0.2)
/// let second = policy.delay(afterFailure: 2)  // 10 s ± 20 %
/// ```
public struct RetryPolicy: Sendable, Hashable {
    /// The delay before the first retry.
    public var base: Duration
    /// The growth of each further delay; 1 keeps it constant.
    public var factor: Double
    /// The longest delay.
    public var cap: Duration
    /// The random share of the delay, 0 to 1: 0.2 means ± 20 %.
    public var jitter: Double

    /// Creates a policy; values outside their range are clamped.
    ///
    /// - Parameters:
    ///   - base: the delay before the first retry.
    ///   - factor: the growth of each further delay, 1 to 1000.
    ///   - cap: the longest delay; a day by default.
    ///   - jitter: the random share of the delay, 0 to 1.
    public init(base: Duration, factor: Double = 2, cap: Duration = .seconds(86_400), jitter: Double = 0) {
        self.base = max(.zero, base)
        self.factor = factor.isFinite ? min(max(factor, 1), 1000) : 1
        self.cap = min(max(.zero, cap), .seconds(365 * 86_400))
        self.jitter = jitter.isFinite ? min(max(jitter, 0), 1) : 0
    }

    /// 1 s, 2 s, 4 s and so on, up to a day.
    public static let standard = RetryPolicy(base: .seconds(1))

    /// The same delay before every retry.
    ///
    /// - Parameters:
    ///   - wait: the delay.
    ///   - jitter: the random share of the delay, 0 to 1.
    /// - Returns: the policy.
    public static func fixed(_ wait: Duration, jitter: Double = 0) -> RetryPolicy {
        RetryPolicy(base: wait, factor: 1, cap: wait, jitter: jitter)
    }

    /// Delays that grow by `factor`.
    ///
    /// - Parameters:
    ///   - base: the delay before the first retry.
    ///   - factor: the growth of each further delay, 1 to 1000; 2 by default.
    ///   - cap: the longest delay; a day by default.
    ///   - jitter: the random share of the delay, 0 to 1.
    /// - Returns: the policy.
    public static func exponential(
        base: Duration = .seconds(1), factor: Double = 2, cap: Duration = .seconds(86_400), jitter: Double = 0
    ) -> RetryPolicy {
        RetryPolicy(base: base, factor: factor, cap: cap, jitter: jitter)
    }

    /// The delay before the retry that follows a failure.
    ///
    /// - Parameter failures: the number of failures so far, from 1.
    /// - Returns: the delay, in whole milliseconds.
    public func delay(afterFailure failures: Int) -> Duration {
        var generator = SystemRandomNumberGenerator()
        return delay(afterFailure: failures, using: &generator)
    }

    /// The delay before the retry that follows a failure, with a given random source.
    ///
    /// - Parameters:
    ///   - failures: the number of failures so far, from 1.
    ///   - generator: the random source for the jitter.
    /// - Returns: the delay, in whole milliseconds.
    public func delay(afterFailure failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        let limit = cap.inSeconds
        var seconds = min(grown(failures), limit)
        guard jitter > 0 else { return .milliseconds(Int64((seconds * 1000).rounded())) }
        seconds *= Double.random(in: (1 - jitter)...(1 + jitter), using: &generator)
        return .milliseconds(Int64((min(seconds, limit) * 1000).rounded()))
    }

    /// `base × factorⁿ⁻¹`; stops at the cap and after 10 000 failures, so that a large count costs nothing.
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
    /// The duration in seconds, rounded to a double.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    /// The duration in whole milliseconds, rounded up so that no delay is shortened; saturates at the maximum.
    package var inMilliseconds: Int {
        let (seconds, attoseconds) = components
        let part = attoseconds / 1_000_000_000_000_000
        let rest = attoseconds % 1_000_000_000_000_000 > 0 ? 1 : 0
        let (whole, isTooLarge) = Int(seconds).multipliedReportingOverflow(by: 1000)
        let (sum, isBeyond) = whole.addingReportingOverflow(Int(part) + rest)
        return isTooLarge || isBeyond ? (seconds < 0 ? .min : .max) : sum
    }
}
