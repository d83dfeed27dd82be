// Waits for a condition with a deadline; tests use it instead of sleeping.

/// A condition did not become true in time.
public struct NeverHappened: Error, CustomStringConvertible {
    /// The condition and the limit.
    public let description: String

    /// Creates a failure with this description.
    public init(description: String) { self.description = description }
}

/// Polls `condition` every few milliseconds until it is true.
///
/// - Parameters:
///   - limit: the deadline.
///   - what: a description of the condition for the failure.
///   - condition: checks once.
/// - Throws: ``NeverHappened``, or what `condition` throws.
public func eventually(
    within limit: Duration = .seconds(30), _ what: String, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else {
            throw NeverHappened(description: "waited \(limit) in vain until \(what)")
        }
        try await Task.sleep(for: .milliseconds(3))
    }
}
