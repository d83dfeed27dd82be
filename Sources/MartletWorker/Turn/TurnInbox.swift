// What happens to a queue's loop while it waits for a reply or sleeps.

import MartletQueue
import Synchronization

/// Gathers events until the loop takes them; wakes the loop.
final class TurnInbox: Sendable {
    private struct State {
        var ended: [Ended] = []
        var isWoken = false
        var isStopping = false
        var isAbandoned = false
    }

    let pulse: Pulse
    private let state = Mutex(State())

    init(on thread: WorkerThread) { pulse = Pulse(on: thread) }

    func ended(_ ended: Ended) { change { $0.ended.append(ended) } }
    func woken() { change { $0.isWoken = true } }
    func stop() { change { $0.isStopping = true } }
    func abandon() { change { $0.isAbandoned = true } }

    private func change(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
        pulse.fire()
    }

    /// Tells the machine what happened since the last time.
    func deliver(to machine: inout TurnMachine, at now: ContinuousClock.Instant) {
        let news = state.withLock { state in
            defer {
                state.ended.removeAll(keepingCapacity: true)
                state.isWoken = false
            }
            return state
        }
        for ended in news.ended { machine.ended(ended) }
        if news.isWoken { machine.woken(at: now) }
        if news.isStopping { machine.stop() }
        if news.isAbandoned { machine.abandon() }
    }
}
