// The metrics of events.

import CoreMetrics
import Synchronization

/// Counts listeners and what they are sent.
struct EventMetrics: Sendable {
    /// The streams that are open.
    let subscribers = Meter(label: "martlet_event_subscribers")
    /// The events that were sent.
    let sent = Counter(label: "martlet_events_sent_total")
    private let conflated = Counter(label: "martlet_events_dropped_total", dimensions: [("reason", "conflated")])
    private let overflow = Counter(label: "martlet_events_dropped_total", dimensions: [("reason", "overflow")])

    /// Counts progress that was left out because newer progress followed at once.
    func noteConflated(_ count: Int) { if count > 0 { conflated.increment(by: count) } }

    /// Counts events that a listener was too slow for.
    func noteOverflow(_ count: Int) { if count > 0 { overflow.increment(by: count) } }
}
