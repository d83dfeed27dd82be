// What a listener has not heard yet: bounded, filled by the reader of the store, emptied by one task.

import MartletJobs
import Synchronization

/// Events of one script call with the listener's position around them.
struct EventDelivery: Sendable {
    let entry: EventEntry
    /// The listener's position before these events.
    let before: EventPosition
}

/// The mailbox of one listener.
final class EventMailbox: Sendable {
    /// What the listener's task gets.
    enum Step: Sendable {
        case entries([EventDelivery])
        /// Events may have been missed before this position.
        case reset(EventPosition)
        /// The listener was too slow; nothing comes any more.
        case overflow
        /// The store or the listener ended.
        case ended
        /// The time is over and nothing came; all that happened up to this position was told.
        case timedOut(EventPosition?)
    }

    /// The script calls that may wait for a listener.
    static let limit = 256

    private struct State {
        var entries: [EventDelivery] = []
        var reset: EventPosition?
        /// What was told when nothing waited.
        var reached: EventPosition?
        var isOverrun = false
        var dropped = 0
        var hasEnded = false
        var waiter: CheckedContinuation<Step, Never>?
        var deadline = ContinuousClock.now

        /// What there is to tell now.
        mutating func step() -> Step? {
            if let reset {
                self.reset = nil
                return .reset(reset)
            }
            if !entries.isEmpty {
                defer { entries = [] }
                return .entries(entries)
            }
            if isOverrun { return .overflow }
            return hasEnded ? .ended : nil
        }

        mutating func wake() -> (CheckedContinuation<Step, Never>, Step)? {
            guard let waiter, let step = step() else { return nil }
            self.waiter = nil
            return (waiter, step)
        }
    }

    let filter: EventFilter
    private let state = Mutex(State())

    init(_ filter: EventFilter) { self.filter = filter }

    /// Whether the listener was too slow.
    var isOverrun: Bool { state.withLock { $0.isOverrun } }

    /// How many events were dropped because the listener was too slow.
    var dropped: Int { state.withLock { $0.dropped } }

    /// Adds the events of a call; a listener that is too slow loses all that waits, and hears nothing more.
    func add(_ delivery: EventDelivery) {
        change { state in
            guard !state.isOverrun, !state.hasEnded else { return }
            guard state.entries.count < Self.limit else {
                state.dropped = state.entries.reduce(delivery.entry.events.count) { $0 + $1.entry.events.count }
                state.entries = []
                state.isOverrun = true
                return
            }
            state.entries.append(delivery)
        }
    }

    /// Something may have been missed: the listener reads its state anew, so what waits is of no use.
    func reset(to position: EventPosition) {
        change { state in
            state.entries = []
            state.reset = position
        }
    }

    /// All that was told so far stands before this position; what waits stays before it too.
    func reached(_ position: EventPosition) {
        state.withLock { state in
            if state.entries.isEmpty { state.reached = position }
        }
    }

    /// Ends the listener.
    func end() { change { $0.hasEnded = true } }

    /// Wakes a listener whose time is over.
    func tick(_ now: ContinuousClock.Instant) {
        let (waiter, reached) = state.withLock { state -> (CheckedContinuation<Step, Never>?, EventPosition?) in
            guard state.deadline <= now else { return (nil, nil) }
            defer { state.waiter = nil }
            return (state.waiter, state.reached)
        }
        waiter?.resume(returning: .timedOut(reached))
    }

    private func change(_ body: (inout State) -> Void) {
        let woken = state.withLock { state in
            body(&state)
            return state.wake()
        }
        if let (waiter, step) = woken { waiter.resume(returning: step) }
    }

    /// The next thing to tell, at the latest soon after `deadline`; one task at a time may ask.
    func next(before deadline: ContinuousClock.Instant) async -> Step {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let step = state.withLock { state -> Step? in
                    if Task.isCancelled { return .ended }
                    if let step = state.step() { return step }
                    state.waiter = continuation
                    state.deadline = deadline
                    return nil
                }
                if let step { continuation.resume(returning: step) }
            }
        } onCancel: {
            end()
        }
    }
}
