// How fast handlers are, and how many jobs may therefore be claimed before a slot is free.

import MartletJobs

/// The mean time of a queue's handlers, ready to believe that they are slow and loath to believe that they are fast.
///
/// A turn costs Redis and the worker as much as several jobs. Where handlers are short, a worker with few slots would take
/// few jobs with each turn and spend its time on turns; so it claims more than it can start at once. What waits here is
/// out of other workers' reach and behind what comes later with a higher priority: therefore only as much as starts within
/// a few milliseconds.
struct HandlerPace: Sendable {
    /// How many jobs at most are claimed and not ended: above it a turn's own cost is no longer felt.
    static let widest = 200
    /// What a worker believes that knows nothing yet, and again when jobs that it claimed ahead have waited too long.
    private static let slow = 1.0
    /// How much of a longer and of a shorter time goes into the mean.
    private static let (rise, fall) = (1.0 / 4, 1.0 / 32)

    /// Seconds.
    private var mean = Self.slow

    /// An attempt took so long.
    mutating func note(_ took: Duration) {
        let time = took.inSeconds
        mean += (time - mean) * (time > mean ? Self.rise : Self.fall)
    }

    /// What was claimed ahead did not start in time.
    mutating func stalled() { mean = max(mean, Self.slow) }

    /// How many jobs may wait for so many slots, so that each starts within `wait`.
    func ahead(slots: Int, within wait: Duration) -> Int {
        guard wait > .zero, slots < Self.widest else { return 0 }
        return Int(min(Double(Self.widest - slots), Double(slots) * wait.inSeconds / max(mean, 1e-9)))
    }
}
