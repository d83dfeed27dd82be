// How long a failed job waits.

import Testing

@testable import MartletJobs

/// The same sequence for the same seed.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite struct RetryPolicyTests {
    private func waits(_ policy: RetryPolicy, _ failures: ClosedRange<Int> = 1...5) -> [Duration] {
        failures.map { policy.delay(afterFailure: $0) }
    }

    @Test func `the standard policy waits 1, 2, 4, 8, 16 s`() {
        #expect(waits(.standard) == [1, 2, 4, 8, 16].map { .seconds($0) })
        #expect(JobDefaults().retryPolicy == .standard)
        #expect(JobDefaults().maxRetries == 3)
    }

    @Test func `a cap limits the delay, also for very large counts`() {
        let policy = RetryPolicy.exponential(base: .milliseconds(100), factor: 3, cap: .seconds(2))
        #expect(waits(policy) == [100, 300, 900, 2000, 2000].map { .milliseconds($0) })
        #expect(policy.delay(afterFailure: .max) == .seconds(2))
        #expect(RetryPolicy.standard.delay(afterFailure: 1_000_000) == .seconds(86_400))
    }

    @Test func `a fixed policy always waits the same`() {
        #expect(waits(.fixed(.seconds(7))) == Array(repeating: .seconds(7), count: 5))
        #expect(waits(.fixed(.zero)) == Array(repeating: .zero, count: 5))
    }

    @Test func `jitter stays within its share and below the cap, and is really drawn`() {
        var generator = Seeded(state: 42)
        let policy = RetryPolicy(base: .seconds(10), factor: 1, cap: .seconds(11), jitter: 0.2)
        let drawn = (0..<1000).map { _ in policy.delay(afterFailure: 1, using: &generator) }
        #expect(drawn.allSatisfy { $0 >= .seconds(8) && $0 <= .seconds(11) })
        #expect(Set(drawn).count > 100)
        #expect(drawn.contains { $0 < .seconds(9) } && drawn.contains { $0 > .seconds(10) })
    }

    @Test func `values out of range are clamped`() {
        let policy = RetryPolicy(base: .seconds(-1), factor: 0, cap: .seconds(1 << 40), jitter: 7)
        #expect(policy.base == .zero && policy.factor == 1 && policy.jitter == 1)
        #expect(policy.cap == .seconds(365 * 86_400))
        let odd = RetryPolicy(base: .seconds(1), factor: .nan, jitter: .infinity)
        #expect(odd.factor == 1 && odd.jitter == 0)
    }

    @Test func `durations in milliseconds are rounded up, so that no wait is shorter than asked for`() {
        #expect(Duration.microseconds(1).inMilliseconds == 1)
        #expect(Duration.milliseconds(1500).inMilliseconds == 1500)
        #expect(Duration.zero.inMilliseconds == 0)
        #expect(Duration.milliseconds(250).inSeconds == 0.25)
    }

    @Test func `a policy with slow growth computes its delay quickly for very large counts`() {
        let policy = RetryPolicy(base: .milliseconds(1), factor: 1.000_000_000_1, cap: .seconds(3600))
        let clock = ContinuousClock()
        let took = clock.measure {
            for count in [Int.min, -1, 0, 1, .max] { #expect(policy.delay(afterFailure: count) < .seconds(3600)) }
        }
        // Round by round it would be hours.
        #expect(took < .seconds(5))
    }

    @Test func `durations beyond the range of milliseconds are clamped`() {
        #expect(Duration.seconds(Int64.max).inMilliseconds == .max)
        #expect(Duration.seconds(Int64.min).inMilliseconds == .min)
        #expect(Duration.milliseconds(Int64.max).inMilliseconds == .max)
    }
}
