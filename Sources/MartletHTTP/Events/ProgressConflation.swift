// At most four progress events a second for each job: what comes sooner waits, and only the last of it is sent. Pure.

import MartletJobs
import MartletQueue

/// Holds back progress events that come too fast.
struct ProgressConflation: Sendable {
    /// An event with the position behind it.
    typealias Placed = (event: QueueEvent, position: EventPosition)

    private struct Key: Hashable {
        var queue: QueueName
        var job: JobID
    }

    /// The least time between two progress events of a job.
    static let pause = Duration.milliseconds(250)

    private var sent: [Key: ContinuousClock.Instant] = [:]
    private var waiting: [Key: QueueEvent] = [:]
    /// How many events were left out.
    private(set) var dropped = 0

    /// When the next event that was held back may be sent.
    var due: ContinuousClock.Instant? { waiting.keys.compactMap { sent[$0] }.min().map { $0 + Self.pause } }

    /// The events of these that are sent now.
    mutating func take(_ events: [Placed], now: ContinuousClock.Instant) -> [Placed] {
        events.filter { placed in
            guard let job = placed.event.job else { return true }
            let key = Key(queue: placed.event.queue, job: job)
            // Whatever else happens to a job comes behind its progress.
            if waiting.removeValue(forKey: key) != nil { dropped += 1 }
            guard placed.event.kind == .progress else { return true }
            if let last = sent[key], now - last < Self.pause {
                waiting[key] = placed.event
                return false
            }
            sent[key] = now
            return true
        }
    }

    /// The events that were held back and may be sent now.
    mutating func ripe(now: ContinuousClock.Instant) -> [QueueEvent] {
        let keys = waiting.keys.filter { key in sent[key].map { now - $0 >= Self.pause } ?? true }
        for key in keys { sent[key] = now }
        defer { sent = sent.filter { now - $0.value < Self.pause } }
        return keys.compactMap { waiting.removeValue(forKey: $0) }.sorted { $0.mark < $1.mark }
    }
}
