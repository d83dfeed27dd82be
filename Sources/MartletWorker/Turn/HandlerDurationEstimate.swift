// Estimates how long handlers take, and how many jobs to claim ahead of free slots.

import MartletJobs

/// A running estimate of handler duration; rises at once, falls only after hundreds of fast samples.
///
/// A turn costs Redis and the worker as much as several jobs. With short handlers and few slots, each turn would fetch
/// few jobs, so the worker claims more than it can start at once. Jobs claimed ahead are out of reach of other workers
/// and run before later jobs with a higher priority, so only as many are claimed as will start within milliseconds.
struct HandlerDurationEstimate: Sendable {
    /// The most jobs that are claimed and not finished; beyond it the cost of a turn no longer matters.
    static let maximumClaimed = 200
    /// The estimate before the first sample, and after jobs claimed ahead waited too long.
    private static let slow = 1.0
    /// The weight of a longer and of a shorter sample.
    private static let (rise, fall) = (1.0 / 4, 1.0 / 32)

    /// Seconds.
    private var mean = Self.slow

    /// Adds a sample.
    mutating func note(_ took: Duration) {
        let time = took.inSeconds
        mean += (time - mean) * (time > mean ? Self.rise : Self.fall)
    }

    /// Jobs claimed ahead did not start in time.
    mutating func stalled() { mean = max(mean, Self.slow) }

    /// The number of jobs that may wait for the given slots so that each starts within `wait`.
    func ahead(slots: Int, within wait: Duration) -> Int {
        guard wait > .zero, slots < Self.maximumClaimed else { return 0 }
        return Int(min(Double(Self.maximumClaimed - slots), Double(slots) * wait.inSeconds / max(mean, 1e-9)))
    }
}
