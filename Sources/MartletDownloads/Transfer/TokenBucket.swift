// A speed limit as a value: it computes the wait, and the caller waits.

import MartletJobs
import Synchronization

/// Allows `rate` bytes per second on average, and a quarter of a second's worth at once.
struct TokenBucket: Sendable {
    let rate: Double
    private let burst: Double
    private var level: Double
    private var last: Duration?

    init(bytesPerSecond: Int64) {
        rate = Double(max(bytesPerSecond, 1))
        burst = rate / 4
        level = burst
    }

    /// Takes bytes that have already arrived; returns how long to wait before taking more.
    ///
    /// `now` is any monotonic clock.
    mutating func take(_ bytes: Int, at now: Duration) -> Duration {
        if let last, now > last { level = min(burst, level + (now - last).inSeconds * rate) }
        last = max(last ?? now, now)
        level -= Double(bytes)
        return level >= 0 ? .zero : .seconds(-level / rate)
    }
}

/// The shared limit for all downloads of a process.
final class SharedBucket: Sendable {
    private let bucket: Mutex<TokenBucket>
    private let start = ContinuousClock.now

    init(bytesPerSecond: Int64) { bucket = Mutex(TokenBucket(bytesPerSecond: bytesPerSecond)) }

    func take(_ bytes: Int) -> Duration {
        bucket.withLock { $0.take(bytes, at: ContinuousClock.now - start) }
    }
}
