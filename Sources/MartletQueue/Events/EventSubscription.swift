// A listener: the events of a store as a sequence.

import MartletJobs
import MartletRedis
import Synchronization

/// Where a listener begins.
///
/// ```swift
/// let subscription = try await store.events(from: .after(.start))  // all that is kept, then what happens
/// ```
public enum EventStart: Sendable, Hashable {
    /// With what happens from now on.
    case now
    /// Behind a position that an earlier listener had.
    case after(EventPosition)
}

/// What a listener is told.
///
/// ```swift
/// switch message {
/// case .event(let event): print(event.kind)
/// case .missed: print("read the state anew")
/// }
/// ```
public enum EventMessage: Sendable {
    /// Something happened.
    case event(QueueEvent)
    /// Events may have been missed: a listener that keeps a state of its own should read it again.
    case missed
}

/// A listener was too slow: more than 256 script calls waited for it.
public struct EventOverflow: Error, Sendable, Hashable {}

/// A listener to the events of a store, made by ``JobStore/events(_:from:)``.
///
/// One task at a time may iterate it. It ends when it is released, or when the store ends.
///
/// ```swift
/// for try await message in try await store.events() {
///     if case .event(let event) = message { print(event.kind) }
/// }
/// ```
public final class EventSubscription: AsyncSequence, Sendable {
    /// Events, or that some may have been missed.
    public typealias Element = EventMessage

    /// Several messages, each with the listener's position behind it.
    package enum Batch: Sendable {
        case events([(event: QueueEvent, position: EventPosition)])
        case reset(EventPosition)
        case overflow
        case ended
        /// Nothing came in time.
        case quiet
    }

    private let store: JobStore
    private let id: Int
    private let mailbox: EventMailbox
    private let filter: EventFilter
    private let state: Mutex<State>

    private struct State {
        var history: EventHistory?
        var position: EventPosition
        let live: EventPosition
    }

    init(store: JobStore, id: Int, mailbox: EventMailbox, start: EventStart, activation: EventHub.Activation) {
        self.store = store
        self.id = id
        self.mailbox = mailbox
        filter = mailbox.filter
        let live = activation.position.of(filter.queues)
        var history: EventHistory?
        if case .after(let position) = start {
            history = EventHistory(from: position, to: activation, filter: filter)
        }
        state = Mutex(State(history: history, position: history?.position ?? live, live: live))
    }

    deinit { store.listeners.remove(id) }

    /// What was heard so far; a later listener may begin behind it.
    public var position: EventPosition { state.withLock { $0.position } }

    /// Whether the events from before the subscription were all told.
    package var isLive: Bool { state.withLock { $0.history == nil } }

    /// Whether the listener was too slow.
    package var isOverrun: Bool { mailbox.isOverrun }

    /// How many events were not told because the listener was too slow.
    package var dropped: Int { mailbox.dropped }

    /// Ends the listener.
    public func end() { store.listeners.remove(id) }

    /// Iterates the messages.
    ///
    /// - Returns: an iterator; there must be one at a time.
    public func makeAsyncIterator() -> Iterator { Iterator(subscription: self) }

    /// Iterates the messages of a listener.
    public struct Iterator: AsyncIteratorProtocol {
        let subscription: EventSubscription
        private var waiting: ArraySlice<EventMessage> = []

        init(subscription: EventSubscription) { self.subscription = subscription }

        /// Waits for the next message.
        ///
        /// - Returns: the message; `nil` when the listener or the store has ended.
        /// - Throws: ``EventOverflow`` when the listener was too slow, ``QueueError`` when the history cannot be read.
        public mutating func next() async throws -> EventMessage? {
            while waiting.isEmpty {
                switch try await subscription.next(before: .now + .seconds(60)) {
                case .events(let events): waiting = events.map { .event($0.event) }[...]
                case .reset: return .missed
                case .overflow: throw EventOverflow()
                case .ended: return nil
                case .quiet: continue
                }
            }
            return waiting.popFirst()
        }
    }
}

extension EventSubscription {
    /// The next messages, at the latest soon after `deadline`.
    package func next(before deadline: ContinuousClock.Instant) async throws(QueueError) -> Batch {
        if let history = state.withLock({ $0.history }) { return try await nextOfPast(history) }
        switch await mailbox.next(before: deadline) {
        case .entries(let deliveries):
            let events = try await wanted(deliveries.map { ($0, nil) })
            if let last = deliveries.last { heard(last) }
            return .events(events)
        case .reset(let position): return reset(to: position.of(filter.queues))
        case .overflow: return .overflow
        case .ended: return .ended
        case .timedOut(let position):
            if let position { state.withLock { $0.position = position.of(filter.queues) } }
            return .quiet
        }
    }

    private func nextOfPast(_ history: EventHistory) async throws(QueueError) -> Batch {
        var history = history
        var deliveries: [(EventDelivery, EventMark?)] = []
        for part in try await history.next(store) {
            switch part {
            case .entry(let delivery, let after): deliveries.append((delivery, after))
            // From now on: what happened between is not told in part.
            case .gap: return reset(to: state.withLock { $0.live })
            }
        }
        state.withLock { state in
            state.history = history.isDone ? nil : history
            state.position = history.isDone ? state.live : history.position
        }
        return .events(try await wanted(deliveries))
    }

    private func reset(to position: EventPosition) -> Batch {
        state.withLock { state in
            state.history = nil
            state.position = position
        }
        return .reset(position)
    }

    private func heard(_ delivery: EventDelivery) {
        var position = delivery.before.of(filter.queues)
        position.marks[delivery.entry.queue] = delivery.entry.end
        state.withLock { $0.position = position }
    }

    /// The events that the listener wants, each with its position.
    private func wanted(
        _ deliveries: [(delivery: EventDelivery, after: EventMark?)]
    ) async throws(QueueError) -> [(event: QueueEvent, position: EventPosition)] {
        var found: [(event: QueueEvent, position: EventPosition)] = []
        for (delivery, after) in deliveries {
            var position = delivery.before.of(filter.queues)
            for event in delivery.entry.events where filter.mayMean(event) && after.map({ event.mark > $0 }) ?? true {
                position.marks[event.queue] = event.mark
                found.append((event, position))
            }
        }
        guard let types = filter.types else { return found }
        let known = try await self.types(of: found.map(\.event))
        return found.compactMap { event, position in
            guard let job = event.job, let type = event.type ?? known[event.queue]?[job], types.contains(type) else {
                return nil
            }
            var event = event
            event.type = type
            return (event, position)
        }
    }

    /// The types of the jobs whose events do not tell them: from what was heard before, else from the jobs.
    private func types(of events: [QueueEvent]) async throws(QueueError) -> [QueueName: [JobID: String]] {
        var types: [QueueName: [JobID: String]] = [:]
        let unknown = Dictionary(grouping: events.filter { $0.type == nil && $0.job != nil }, by: \.queue)
        for (queue, events) in unknown {
            let ids = Array(Set(events.compactMap(\.job)))
            var known = store.listeners.types(of: ids, in: queue)
            for batch in ids.filter({ known[$0] == nil }).chunks(of: Queue.batchLimit) {
                for job in try await store.queue(queue).jobs(Array(batch)) {
                    if let job { known[job.id] = job.type }
                }
            }
            types[queue] = known
        }
        return types
    }
}

extension JobStore {
    /// Listens to events: of the jobs of all queues, or of those that a filter means, also of queues to come.
    ///
    /// Queues record events only while anybody listens; then each call of a script costs one command more. All listeners
    /// of a process share one connection. What was recorded is kept for an hour after the last listener has gone, up to
    /// about 2 000 calls of each queue.
    ///
    /// - Parameters:
    ///   - filter: which events are wanted; all by default.
    ///   - start: where to begin.
    /// - Returns: the listener. Whatever happens after this returns is told.
    /// - Throws: ``QueueError`` when Redis cannot be reached.
    public func events(
        _ filter: EventFilter = EventFilter(), from start: EventStart = .now
    ) async throws(QueueError) -> EventSubscription {
        let mailbox = EventMailbox(filter)
        let id = listeners.add(mailbox)
        let hurry = Task { await self.hurryReader(for: id) }
        let activation = await withTaskCancellationHandler {
            await listeners.activation(of: id)
        } onCancel: {
            listeners.remove(id)
        }
        hurry.cancel()
        switch activation {
        case .success(let activation):
            return EventSubscription(store: self, id: id, mailbox: mailbox, start: start, activation: activation)
        case .failure(let error):
            listeners.remove(id)
            throw error
        }
    }

    /// The number of listeners.
    package var listenerCount: Int { listeners.count }

    /// The reader may wait for events for a second: it is woken until it has seen the new listener.
    ///
    /// A store that does not run has no reader: then the listener is refused in the end.
    private func hurryReader(for id: Int) async {
        let end = ContinuousClock.now + redis.configuration.commandTimeout + .seconds(5)
        while (try? await Task.sleep(for: .milliseconds(5))) != nil {
            guard ContinuousClock.now < end else { return listeners.remove(id) }
            guard let client = eventConnection.withLock({ $0 })?.connectionID else { continue }
            _ = try? await command("CLIENT", "UNBLOCK", "\(client)")
            if (try? await Task.sleep(for: .milliseconds(20))) == nil { return }
        }
    }
}
