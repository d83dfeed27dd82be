// Notices that a server sends nothing, without a timer for each chunk.

import Synchronization

final class StallWatch: Sendable {
    private let timeout: Duration
    private let waitingSince = Mutex<ContinuousClock.Instant?>(nil)

    init(timeout: Duration) { self.timeout = timeout }

    /// Only the time between these two counts: a limited or slow writer is no stall.
    func beginWaiting() { waitingSince.withLock { $0 = .now } }

    func endWaiting() { waitingSince.withLock { $0 = nil } }

    /// Returns once nothing has come for the whole timeout; throws when cancelled.
    func untilStalled() async throws {
        while true {
            try await Task.sleep(for: min(timeout / 8, .seconds(1)))
            let since = waitingSince.withLock { $0 }
            if let since, ContinuousClock.now - since >= timeout { return }
        }
    }
}
