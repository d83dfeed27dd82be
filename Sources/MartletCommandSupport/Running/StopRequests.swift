// What signals to end a process mean: a pure value.

/// The signals to end a process: the first stops it in order, a later one ends it at once.
///
/// One request may reach a process twice: by itself and as a part of its group.
package struct StopRequests: Sendable {
    /// What to do about a signal.
    package enum Answer: Equatable, Sendable {
        /// Stop in order.
        case stop
        /// Nothing: it belongs to the first one.
        case same
        /// End at once.
        case exit
    }

    /// Signals within this time of the first one belong to it.
    private static let sameRequest = Duration.milliseconds(100)

    private var first: ContinuousClock.Instant?

    package init() {}

    /// Takes a signal.
    package mutating func take(at now: ContinuousClock.Instant) -> Answer {
        guard let first else {
            self.first = now
            return .stop
        }
        return now - first < Self.sameRequest ? .same : .exit
    }

    /// The process has begun to stop; on a busy machine that takes long, and a repetition waits meanwhile.
    package mutating func hasBegun(at now: ContinuousClock.Instant) { first = now }
}
