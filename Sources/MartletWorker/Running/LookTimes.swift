// When the guard of leases has to look again, also for jobs that come while it looks.

/// The time of the next look.
struct LookTimes: Sendable {
    typealias Instant = ContinuousClock.Instant

    private var next: Instant?

    /// A job came that must be looked at by `instant`.
    ///
    /// - Returns: whether that is earlier than the guard meant to look.
    mutating func add(_ instant: Instant) -> Bool {
        if let next, next <= instant { return false }
        next = instant
        return true
    }

    /// A look begins: what comes from now on is no part of it.
    mutating func begin() { next = nil }

    /// A look ended that has to be repeated at `instant`.
    ///
    /// - Returns: the earlier of that and what came since the look began.
    mutating func end(_ instant: Instant?) -> Instant? {
        if let instant { _ = add(instant) }
        return next
    }
}
