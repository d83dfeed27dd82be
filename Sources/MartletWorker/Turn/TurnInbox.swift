// Collects the events of a queue's loop while turns are in flight or the loop sleeps.

import DequeModule
import MartletQueue
import Synchronization

/// The result of a turn.
struct TurnResult: Sendable {
    let turn: Int
    /// When the turn was sent.
    let sent: ContinuousClock.Instant
    let result: Result<TurnReply, QueueError>
}

/// Collects events until the loop takes them; wakes the loop when needed.
final class TurnInbox: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The events since the last call of ``take(withAnswer:)``.
    struct Events: Sendable {
        var ended: [FinishedAttempt] = []
        /// The oldest result; later ones follow in later calls.
        var answer: TurnResult?
        var isWoken = false
        var isStopping = false
        var isAbandoned = false
    }

    private struct State {
        var events = Events()
        var answers = Deque<TurnResult>()
        /// The number of finished attempts that wakes the loop; `nil` while it is awake.
        var wakesAt: Int?
    }

    private let wakeTimer: WakeTimer
    private let state = Mutex(State())

    init(on executor: any TimerExecutor) { wakeTimer = WakeTimer(on: executor) }

    /// Adds a finished attempt; wakes the loop once enough are collected.
    func ended(_ ended: FinishedAttempt) {
        let wakes = state.withLock { state in
            state.events.ended.append(ended)
            return state.events.ended.count == state.wakesAt
        }
        if wakes { wakeTimer.fire() }
    }

    func answered(_ answer: TurnResult) { change { $0.answers.append(answer) } }
    func woken() { change { $0.events.isWoken = true } }
    func stop() { change { $0.events.isStopping = true } }
    func abandon() { change { $0.events.isAbandoned = true } }

    /// Wakes the loop once, to show that it runs.
    func wake() { wakeTimer.fire() }

    private func change(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
        wakeTimer.fire()
    }

    /// The events since the last call, with at most one turn result.
    ///
    /// Two results can arrive together. The turn that follows the first must be sent before the second is processed;
    /// otherwise both turns stay synchronised, and Redis and the worker wait for each other alternately.
    func take(withAnswer: Bool = true) -> Events {
        state.withLock { state in
            var events = state.events
            state.events.ended = []
            state.events.ended.reserveCapacity(events.ended.count)
            state.events.isWoken = false
            if withAnswer { events.answer = state.answers.popFirst() }
            return events
        }
    }

    /// Waits until an event arrives, `ended` attempts are collected, or `instant` is reached.
    func wait(until instant: Instant?, ended: Int?) async {
        let isTime = state.withLock { state in
            if !state.answers.isEmpty { return true }
            if let ended, state.events.ended.count >= ended { return true }
            state.wakesAt = ended
            return false
        }
        if isTime { return }
        await wakeTimer.wait(until: instant)
        state.withLock { $0.wakesAt = nil }
    }
}

extension TurnMachine {
    /// Processes events other than turn results.
    mutating func note(_ events: TurnInbox.Events, at now: Instant) {
        for ended in events.ended { self.ended(ended) }
        if events.isWoken { woken(at: now) }
        if events.isStopping { stop() }
        if events.isAbandoned { abandon() }
    }
}
