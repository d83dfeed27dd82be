// How safe a push must be before it is answered, and what was confirmed of it.

/// How safe a push must be before it is answered.
///
/// A queue has a level, and so may a push; the higher of the two counts.
public enum Durability: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Redis has it in its memory, and writes it to disk in its own time.
    case memory
    /// Redis has written it to its disk.
    case fsync
    /// At least one replica has it too.
    case replicated

    /// The level as the scripts know it.
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

    /// Whether `left` promises less.
    public static func < (left: Durability, right: Durability) -> Bool { left.level < right.level }
}

/// What is known of a push when it is answered.
///
/// The push has happened in either case.
public enum Confirmation: Sendable, Hashable, CustomStringConvertible {
    /// It is as safe as was asked for.
    case confirmed(Durability)
    /// Nobody has confirmed the level that was asked for in time; says why, and what was asked for.
    ///
    /// Pushing the same again with the same id waits again.
    case unconfirmed(Durability, reason: String)

    /// The level, or `unconfirmed`.
    public var description: String {
        switch self {
        case .confirmed(let durability): durability.rawValue
        case .unconfirmed: "unconfirmed"
        }
    }

    /// Why it is not confirmed; `nil` when it is.
    public var reason: String? {
        guard case .unconfirmed(_, let reason) = self else { return nil }
        return reason
    }

    /// The confirmation of two pushes together.
    package func and(_ other: Confirmation) -> Confirmation {
        switch (self, other) {
        case (.unconfirmed, _): self
        case (_, .unconfirmed): other
        case (.confirmed(let one), .confirmed(let two)): .confirmed(min(one, two))
        }
    }
}

/// What became of a push, and how safe it is.
public struct Pushed<Outcome: Sendable>: Sendable {
    /// What became of it.
    public var outcome: Outcome
    /// What was confirmed of it.
    public var durability: Confirmation
}
