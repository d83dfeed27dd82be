// Waits for a condition with a deadline: what tests do instead of sleeping.

/// A condition did not become true in time.
public struct NeverHappened: Error, CustomStringConvertible {
    /// What was waited for, and how long.
    public let description: String

    /// A failure that says `description`.
    public init(description: String) { self.description = description }
}

/// Polls `condition` every few milliseconds until it is true.
///
/// - Parameters:
///   - limit: how long to wait.
///   - what: what is waited for; the failure says it.
///   - condition: looks once.
/// - Throws: ``NeverHappened``, or what `condition` throws.
public func eventually(
    within limit: Duration = .seconds(5), _ what: String, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else {
            throw NeverHappened(description: "waited \(limit) in vain until \(what)")
        }
        try await Task.sleep(for: .milliseconds(3))
    }
}
