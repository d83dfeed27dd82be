// The durability of pushes, and its confirmation.

/// How durable a push must be before it returns.
///
/// A queue has a level, and a push may have one; the higher one applies.
///
/// ```swift
/// let job = try await queue.enqueue(receipt, durability: .fsync)
/// print(job.durability)
/// ```
public enum Durability: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Redis has it in memory and writes it to disk in its own time.
    case memory
    /// Redis has written it to disk.
    case fsync
    /// At least one replica has it too.
    case replicated

    /// The level's number for the scripts.
    var level: Int {
        switch self {
        case .memory: 0
        case .fsync: 1
        case .replicated: 2
        }
    }

    init?(level: Int) {
        guard let found = Self.allCases.first(where: { $0.level == level }) else { return nil }
        self = found
    }

    /// Whether `left` is less durable.
    ///
    /// - Parameters:
    ///   - left: a level.
    ///   - right: another level.
    /// - Returns: whether `left` is the lower one.
    public static func < (left: Durability, right: Durability) -> Bool { left.level < right.level }
}

/// What is known about the durability of a finished push.
///
/// The push has happened in either case.
///
/// ```swift
/// let job = try await queue.enqueue(receipt, durability: .replicated)
/// if case .unconfirmed(let level, let reason) = job.durability {
///     print("pushed, but not known to be at \(level): \(reason)")
/// }
/// ```
public enum Confirmation: Sendable, Hashable, CustomStringConvertible {
    /// It is as durable as requested.
    case confirmed(Durability)
    /// The requested level was not confirmed in time; the values are the level and the reason.
    ///
    /// Repeating the push with the same id waits again.
    case unconfirmed(Durability, reason: String)

    /// The level, or `unconfirmed`.
    public var description: String {
        switch self {
        case .confirmed(let durability): durability.rawValue
        case .unconfirmed: "unconfirmed"
        }
    }

    /// Why it is unconfirmed; `nil` when it is confirmed.
    public var reason: String? {
        guard case .unconfirmed(_, let reason) = self else { return nil }
        return reason
    }

    /// The combined confirmation of two pushes.
    package func and(_ other: Confirmation) -> Confirmation {
        switch (self, other) {
        case (.unconfirmed, _): self
        case (_, .unconfirmed): other
        case (.confirmed(let one), .confirmed(let two)): .confirmed(min(one, two))
        }
    }
}

/// The outcome of a push, with its durability.
public struct Pushed<Outcome: Sendable>: Sendable {
    /// The outcome.
    public var outcome: Outcome
    /// The confirmed durability.
    public var durability: Confirmation
}
