// What happens to a queue's loop while turns are under way or it sleeps.

import DequeModule
import MartletQueue
import Synchronization

/// The answer to a turn.
struct TurnAnswer: Sendable {
    let turn: Int
    /// When the turn was sent.
    let sent: ContinuousClock.Instant
    let result: Result<TurnReply, QueueError>
}

/// Gathers events until the loop takes them; wakes the loop when it is worth it.
final class TurnInbox: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What happened since the last time.
    struct News: Sendable {
        var ended: [Ended] = []
        /// The oldest one; the next waits for the next time.
        var answer: TurnAnswer?
        var isWoken = false
        var isStopping = false
        var isAbandoned = false
    }

    private struct State {
        var news = News()
        var answers = Deque<TurnAnswer>()
        /// How many ended attempts wake the loop; `nil` while it does not sleep.
        var wakesAt: Int?
    }

    private let pulse: Pulse
    private let state = Mutex(State())

    init(on lane: any WorkerLane) { pulse = Pulse(on: lane) }

    /// An attempt has ended; the loop is woken only by as many as it wants to know of.
    func ended(_ ended: Ended) {
        let wakes = state.withLock { state in
            state.news.ended.append(ended)
            return state.news.ended.count == state.wakesAt
        }
        if wakes { pulse.fire() }
    }

    func answered(_ answer: TurnAnswer) { change { $0.answers.append(answer) } }
    func woken() { change { $0.news.isWoken = true } }
    func stop() { change { $0.news.isStopping = true } }
    func abandon() { change { $0.news.isAbandoned = true } }

    /// Has the loop go round once, to show that it can.
    func poke() { pulse.fire() }

    private func change(_ body: (inout State) -> Void) {
        state.withLock { body(&$0) }
        pulse.fire()
    }

    /// What happened since the last time, with one answer at most.
    ///
    /// Answers to two turns can come at once. The turn that follows the first is to leave before the second is looked
    /// at, or the two would keep step for ever, and Redis and the worker would wait for each other in turn.
    func take(withAnswer: Bool = true) -> News {
        state.withLock { state in
            var news = state.news
            state.news.ended = []
            state.news.ended.reserveCapacity(news.ended.count)
            state.news.isWoken = false
            if withAnswer { news.answer = state.answers.popFirst() }
            return news
        }
    }

    /// Sleeps until something happens, `ended` attempts have gathered, or `instant` has come.
    func wait(until instant: Instant?, ended: Int?) async {
        let isTime = state.withLock { state in
            if !state.answers.isEmpty { return true }
            if let ended, state.news.ended.count >= ended { return true }
            state.wakesAt = ended
            return false
        }
        if isTime { return }
        await pulse.wait(until: instant)
        state.withLock { $0.wakesAt = nil }
    }
}

extension TurnMachine {
    /// Takes in what happened, except the answers.
    mutating func note(_ news: TurnInbox.News, at now: Instant) {
        for ended in news.ended { self.ended(ended) }
        if news.isWoken { woken(at: now) }
        if news.isStopping { stop() }
        if news.isAbandoned { abandon() }
    }
}
