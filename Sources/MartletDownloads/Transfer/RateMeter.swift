// The speed as a moving average, and when to report progress again.

import Glibc
import MartletJobs

/// Averages the speed over about three seconds and limits reports to four per second.
struct RateMeter: Sendable {
    private static let memory = 3.0
    private static let reportEvery = Duration.milliseconds(250)

    private var windowStart: Duration
    private var windowBytes = 0
    private(set) var rate: Double?

    init(at now: Duration) { windowStart = now }

    /// Adds bytes; returns true when a report is due.
    mutating func add(_ bytes: Int, at now: Duration) -> Bool {
        windowBytes += bytes
        let elapsed = now - windowStart
        guard elapsed >= Self.reportEvery else { return false }
        let seconds = elapsed.inSeconds
        let speed = Double(windowBytes) / seconds
        // The longer the window, the smaller the weight of the past.
        let weight = 1 - exp(-seconds / Self.memory)
        rate = rate.map { $0 + weight * (speed - $0) } ?? speed
        windowStart = now
        windowBytes = 0
        return true
    }
}
