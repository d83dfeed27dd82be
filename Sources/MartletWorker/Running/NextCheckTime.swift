// Computes when the lease guard must check next, including jobs added during a check.

/// The time of the next check.
struct NextCheckTime: Sendable {
    typealias Instant = ContinuousClock.Instant

    private var next: Instant?

    /// Adds a job that must be checked by `instant`.
    ///
    /// - Returns: whether this is earlier than the planned check.
    mutating func add(_ instant: Instant) -> Bool {
        if let next, next <= instant { return false }
        next = instant
        return true
    }

    /// Begins a check; jobs added from now on belong to the next one.
    mutating func begin() { next = nil }

    /// Ends a check that must be repeated at `instant`.
    ///
    /// - Returns: the earlier of `instant` and the times added during the check.
    mutating func end(_ instant: Instant?) -> Instant? {
        if let instant { _ = add(instant) }
        return next
    }
}
