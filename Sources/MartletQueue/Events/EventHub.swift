// The listeners of a store: who they are, and what they are told.

import MartletJobs
import Synchronization

/// The listeners of a store, filled by one reader.
final class EventHub: Sendable {
    /// Where a listener's events begin.
    struct Activation: Sendable {
        var position: EventPosition
        /// Behind what each queue's events are told live.
        var marks: [QueueName: EventMark]
    }

    private struct Member {
        var mailbox: EventMailbox
        var waiter: CheckedContinuation<Result<Activation, QueueError>, Never>?
        var isActive = false
    }

    private struct State {
        var members: [Int: Member] = [:]
        var next = 0
        var types = JobTypes()
    }

    private let state = Mutex(State())
    /// Fires when the first listener comes.
    let wanted: AsyncStream<Void>
    private let want: AsyncStream<Void>.Continuation

    init() { (wanted, want) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// The number of listeners.
    var count: Int { state.withLock { $0.members.count } }

    private var mailboxes: [EventMailbox] { state.withLock { $0.members.values.filter(\.isActive).map(\.mailbox) } }

    /// Adds a listener.
    func add(_ mailbox: EventMailbox) -> Int {
        defer { want.yield() }
        return state.withLock { state in
            state.next += 1
            state.members[state.next] = Member(mailbox: mailbox)
            return state.next
        }
    }

    /// Removes a listener.
    func remove(_ id: Int) {
        let member = state.withLock { $0.members.removeValue(forKey: id) }
        member?.mailbox.end()
        member?.waiter?.resume(returning: .failure(.eventsEnded))
    }

    /// Waits until the reader has begun to tell a listener.
    func activation(of id: Int) async -> Result<Activation, QueueError> {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                state.members[id]?.waiter = continuation
                return state.members[id] != nil
            }
            if !isThere { continuation.resume(returning: .failure(.eventsEnded)) }
        }
    }

    /// Whether any listener wants events of a queue.
    var isWanted: @Sendable (QueueName) -> Bool {
        let filters = state.withLock { $0.members.values.map(\.mailbox.filter) }
        return { name in filters.contains { $0.queues(name) } }
    }

    /// The listeners that wait for their activation.
    var newcomers: [Int] { state.withLock { $0.members.filter { $0.value.waiter != nil }.map(\.key) } }

    /// Activates listeners from where the reader stands; their queues are followed by then.
    func activate(_ ids: [Int], _ follower: EventFollower) {
        guard !ids.isEmpty else { return }
        let activation = Activation(position: follower.position, marks: follower.marks)
        for waiter in waiters(ids, areActive: true) { waiter.resume(returning: .success(activation)) }
    }

    /// Refuses the listeners that wait.
    func refuse(_ error: QueueError) {
        for waiter in waiters(newcomers, areActive: false) { waiter.resume(returning: .failure(error)) }
    }

    private func waiters(
        _ ids: [Int], areActive: Bool
    ) -> [CheckedContinuation<Result<Activation, QueueError>, Never>] {
        state.withLock { state in
            ids.compactMap { id in
                defer { state.members[id]?.waiter = nil }
                state.members[id]?.isActive = areActive
                return state.members[id]?.waiter
            }
        }
    }

    /// The store ends.
    func end() {
        for (_, member) in state.withLock({ $0.members }) { member.mailbox.end() }
        refuse(.eventsEnded)
    }
}

// MARK: - What the reader tells

extension EventHub {
    /// Tells the events of a script call to those who want any of them.
    func tell(_ entry: EventEntry, before: EventPosition) {
        remember(entry)
        let delivery = EventDelivery(entry: entry, before: before)
        for mailbox in mailboxes where mailbox.filter.queues(entry.queue) {
            guard entry.events.contains(where: mailbox.filter.mayMean) else { continue }
            mailbox.add(delivery)
        }
    }

    /// Tells that events of a queue may have been missed.
    func reset(_ queue: QueueName, to position: EventPosition) {
        for mailbox in mailboxes where mailbox.filter.queues(queue) { mailbox.reset(to: position) }
    }

    /// All that was told so far stands before this position.
    func reached(_ position: EventPosition) {
        for mailbox in mailboxes { mailbox.reached(position) }
    }

    /// Wakes listeners whose time is over.
    func tick() {
        let now = ContinuousClock.now
        for mailbox in mailboxes { mailbox.tick(now) }
    }
}

// MARK: - Types of jobs

extension EventHub {
    private func remember(_ entry: EventEntry) {
        guard entry.events.contains(where: { $0.type != nil }) else { return }
        state.withLock { state in
            for event in entry.events {
                if let job = event.job, let type = event.type { state.types.add(type, of: job, in: event.queue) }
            }
        }
    }

    /// The types of jobs of which events have told one.
    func types(of jobs: [JobID], in queue: QueueName) -> [JobID: String] {
        state.withLock { state in
            jobs.reduce(into: [:]) { known, job in known[job] = state.types.type(of: job, in: queue) }
        }
    }
}

/// The types of the jobs that events have named last.
private struct JobTypes {
    private struct Key: Hashable {
        var queue: QueueName
        var job: JobID
    }

    private static let most = 20_000
    private var new: [Key: String] = [:]
    private var old: [Key: String] = [:]

    mutating func add(_ type: String, of job: JobID, in queue: QueueName) {
        if new.count >= Self.most { (old, new) = (new, [:]) }
        new[Key(queue: queue, job: job)] = type
    }

    func type(of job: JobID, in queue: QueueName) -> String? {
        let key = Key(queue: queue, job: job)
        return new[key] ?? old[key]
    }
}

extension QueueError {
    /// The store has ended, or the listener has.
    static var eventsEnded: QueueError { QueueError(.notExecuted(.unavailable), message: "the store has ended") }
}
