// What a listener that comes back missed: read from the streams, from where it was to where the live events begin.

import MartletJobs
import MartletRedis

/// The events between a position and the live ones, queue by queue.
struct EventHistory: Sendable {
    /// A part of the history.
    enum Part: Sendable {
        case entry(EventDelivery, after: EventMark)
        /// Events may be missing.
        case gap
    }

    private var left: [(queue: QueueName, from: EventMark, to: EventMark)]
    /// The listener's position so far.
    private(set) var position: EventPosition
    /// Whether a gap matters; it does not to a listener that asks for all that is kept.
    private let isStrict: Bool
    private var isFresh = true

    init(from position: EventPosition, to activation: EventHub.Activation, filter: EventFilter) {
        self.position = position.of(filter.queues)
        isStrict = position.floor > 0
        left = activation.marks.filter { filter.queues($0.key) }.sorted { $0.key < $1.key }
            .map { (queue: $0.key, from: position.mark(of: $0.key), to: $0.value) }
            .filter { $0.from < $0.to }
    }

    /// Whether all of it was read.
    var isDone: Bool { left.isEmpty }

    /// The next entries.
    mutating func next(_ store: JobStore) async throws(QueueError) -> [Part] {
        guard let part = left.first else { return [] }
        let key = store.queue(part.queue).keys.events
        if isFresh, isStrict, try await !isWhole(part.queue, key, store) { return [.gap] }
        isFresh = false
        // An entry of which a part was heard is read again.
        let isPart = part.from.index < .max
        let from = isPart ? part.from.entry : "(" + part.from.entry
        let reply = try await store.command(
            "XRANGE", key, from, part.to.entry, "COUNT", "\(EventPace.page)")
        let found = (reply.array ?? []).compactMap { EventEntry($0, of: part.queue) }
        var parts: [Part] = []
        for entry in found {
            if entry.isGap, isStrict, entry.end > part.from { return parts + [.gap] }
            let delivery = EventDelivery(entry: entry, before: position)
            parts.append(.entry(delivery, after: part.from))
            position.marks[part.queue] = entry.end
        }
        if let last = found.last, found.count == EventPace.page, last.end < part.to {
            left[0].from = last.end
        } else {
            left.removeFirst()
            isFresh = true
        }
        return parts
    }

    /// Whether nothing behind the position was dropped from the stream.
    private func isWhole(_ queue: QueueName, _ key: String, _ store: JobStore) async throws(QueueError) -> Bool {
        if let mark = position.marks[queue], mark.milliseconds > position.floor {
            return try await !(store.command("XRANGE", key, mark.entry, mark.entry).array ?? []).isEmpty
        }
        let first = try await store.command("XRANGE", key, "-", "+", "COUNT", "1").array?.first
        guard let entry = first.flatMap({ EventEntry($0, of: queue) }) else { return false }
        return entry.end.milliseconds <= position.floor || entry.events.first?.kind == .queueCreated
    }
}
