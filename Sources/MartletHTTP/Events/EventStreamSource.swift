// The stream of one listener: its events as they happen, with keep-alive messages in between.

import CoreMetrics
import MartletQueue
import Synchronization

/// Makes the pieces of a stream of events.
final class EventStreamSource: ReplySource {
    private struct State {
        var hasBegun = false
        var hasEnded = false
        var conflation = ProgressConflation()
        var lastPiece = ContinuousClock.now
        /// Events that are still to be sent.
        var waiting: ArraySlice<ProgressConflation.Placed> = []
        var text = ServerSentEvents()
        /// Whether nobody reads any more.
        var isStopped = false
    }

    /// The size from which on a piece is sent.
    private static let pieceSize = 32 << 10

    private let subscription: EventSubscription
    private let permit: StreamPermit
    private let pause: Duration
    private let follows: Bool
    private let metrics: EventMetrics
    private let state = Mutex(State())

    /// Creates a stream.
    ///
    /// - Parameters:
    ///   - subscription: where the events come from.
    ///   - permit: the stream's share of the limit.
    ///   - pause: how long after its last piece the stream sends a keep-alive message.
    ///   - follows: whether it goes on when all that was recorded before is sent.
    ///   - metrics: counts what is sent.
    init(
        _ subscription: EventSubscription, permit: StreamPermit, pause: Duration, follows: Bool, metrics: EventMetrics
    ) {
        self.subscription = subscription
        self.permit = permit
        self.pause = pause
        self.follows = follows
        self.metrics = metrics
        metrics.subscribers.increment()
    }

    deinit { metrics.subscribers.decrement() }

    var wasOverrun: Bool { subscription.isOverrun }

    func stop() {
        state.withLock { state in
            state.hasEnded = true
            state.isStopped = true
        }
        subscription.end()
    }

    func next() async -> [UInt8]? {
        if let beginning = state.withLock({ begin(&$0) }) { return beginning }
        while true {
            let piece = state.withLock { nextPiece(&$0) }
            if let piece { return piece }
            if state.withLock({ $0.hasEnded }) { return nil }
            if !follows, subscription.isLive { return nil }
            guard let batch = try? await subscription.next(before: deadline) else { return nil }
            state.withLock { take(batch, &$0) }
        }
    }

    private func begin(_ state: inout State) -> [UInt8]? {
        guard !state.hasBegun, !state.hasEnded else { return nil }
        state.hasBegun = true
        var text = ServerSentEvents()
        text.begin(at: subscription.position)
        return text.bytes
    }

    /// When the stream must say something even if nothing happens.
    private var deadline: ContinuousClock.Instant {
        state.withLock { state in min(state.lastPiece + pause, state.conflation.due ?? .now + pause) }
    }

    private func take(_ batch: EventSubscription.Batch, _ state: inout State) {
        switch batch {
        case .events(let events):
            let before = state.conflation.dropped
            state.waiting = state.conflation.take(events, now: .now)[...]
            metrics.noteConflated(state.conflation.dropped - before)
        case .reset(let position): state.text.reset(to: position)
        case .overflow:
            metrics.noteOverflow(subscription.dropped)
            state.text.overflow()
            state.hasEnded = true
        case .ended: state.hasEnded = true
        case .quiet: break
        }
    }

    /// The bytes to send next; `nil` when there are none.
    ///
    /// A long batch is sent in several pieces, so that it holds up no others.
    private func nextPiece(_ state: inout State) -> [UInt8]? {
        guard !state.isStopped else { return nil }
        let now = ContinuousClock.now
        while state.text.bytes.count < Self.pieceSize, let next = state.waiting.popFirst() {
            state.text.event(next.event, at: next.position)
            metrics.sent.increment()
        }
        if state.waiting.isEmpty {
            for event in state.conflation.ripe(now: now) {
                state.text.event(event, at: subscription.position)
                metrics.sent.increment()
            }
            let isQuiet = state.text.bytes.isEmpty && now - state.lastPiece >= pause && !state.hasEnded
            if isQuiet { state.text.keepAlive(at: subscription.position) }
        }
        guard !state.text.bytes.isEmpty else { return nil }
        state.lastPiece = now
        defer { state.text = ServerSentEvents() }
        return state.text.bytes
    }
}

/// A permit for one stream under the limit of streams; ends with its lifetime.
final class StreamPermit: Sendable {
    private let limit: WaitLimit
    private let caller: Caller

    init(_ limit: WaitLimit, _ caller: Caller) throws(HTTPProblem) {
        self.limit = limit
        self.caller = caller
        try limit.enter(caller.name)
    }

    deinit { limit.leave(caller.name) }
}
