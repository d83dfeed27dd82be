// Ends a transfer when the server sends nothing or too little, without a timer per chunk.

import NIOCore
import Synchronization

final class StallDetector: Sendable {
    private let start = ContinuousClock.now
    private let step: Duration
    private let pace: Mutex<SpeedMonitor>

    /// Creates a detector; the wait for the response head may take `allowance` longer.
    init(_ rules: SpeedRules, allowance: Duration) {
        step = min(min(rules.silence, rules.window) / 8, .seconds(1))
        pace = Mutex(SpeedMonitor(rules, allowance: allowance, at: .zero))
    }

    private var now: Duration { ContinuousClock.now - start }

    /// Starts the measurement of a body.
    func beginBody() { pace.withLock { $0.beginBody() } }

    /// Only the time between these two calls counts: a limited or slow writer does not make a server slow.
    func beginWaiting() { pace.withLock { $0.beginWaiting(at: now) } }

    func endWaiting(bytes: Int = 0) { pace.withLock { $0.endWaiting(bytes: bytes, at: now) } }

    /// Fails the connection once the server is too slow; cancel the returned task after reading.
    func start(on channel: any Channel) -> RepeatedTask {
        let step = step.asTimeAmount
        return channel.eventLoop.scheduleRepeatedTask(initialDelay: step, delay: step) { [self] task in
            guard let fault = pace.withLock({ $0.fault(at: now) }) else { return }
            task.cancel()
            channel.pipeline.fireErrorCaught(fault)
            channel.close(promise: nil)
        }
    }
}
