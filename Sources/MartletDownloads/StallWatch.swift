// Notices that a server sends nothing, without a timer for each chunk.

import NIOCore
import Synchronization

final class StallWatch: Sendable {
    private let timeout: Duration
    private let waiting: Mutex<(since: ContinuousClock.Instant?, allowance: Duration)>

    /// The first wait, for the answer's head, may take `allowance` longer.
    init(timeout: Duration, allowance: Duration) {
        self.timeout = timeout
        waiting = Mutex((.now, allowance))
    }

    /// Only the time between these two counts: a limited or slow writer is no stall.
    func beginWaiting() { waiting.withLock { $0 = (.now, .zero) } }

    func endWaiting() { waiting.withLock { $0.since = nil } }

    private var isStalled: Bool {
        let (since, allowance) = waiting.withLock { $0 }
        return since.map { ContinuousClock.now - $0 >= timeout + allowance } ?? false
    }

    /// Fails the connection once nothing has come for the whole timeout; cancel what it returns when all is read.
    func start(on channel: any Channel) -> RepeatedTask {
        let step = min(timeout / 8, .seconds(1)).asTimeAmount
        return channel.eventLoop.scheduleRepeatedTask(initialDelay: step, delay: step) { [self] task in
            guard isStalled else { return }
            task.cancel()
            channel.pipeline.fireErrorCaught(DownloadError.stalled(after: timeout, "nothing"))
            channel.close(promise: nil)
        }
    }
}
