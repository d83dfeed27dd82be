// A bound for the memory that all requests of a server hold together.

import Synchronization

/// Counts bytes up to a limit that all requests share.
final class ByteBudget: Sendable {
    /// The bytes that may be held at one time.
    let limit: Int
    private let used = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// The bytes that are held now.
    var held: Int { used.load(ordering: .relaxed) }

    /// Takes bytes; false, and nothing is taken, when they would be too many.
    func take(_ count: Int) -> Bool {
        let now = used.wrappingAdd(count, ordering: .relaxed).newValue
        guard now > limit else { return true }
        give(count)
        return false
    }

    /// Takes bytes, also beyond the limit.
    func takeAnyway(_ count: Int) { used.wrappingAdd(count, ordering: .relaxed) }

    /// Gives bytes back.
    func give(_ count: Int) { used.wrappingSubtract(count, ordering: .relaxed) }
}

/// The bytes of one request's body that count against the budget; given back when the request is over.
struct BodyShare: ~Copyable {
    /// What every body may hold beside the budget, so that small requests neither pay nor wait for it.
    static let free = 64 << 10

    private let budget: ByteBudget
    private var taken = 0

    init(_ budget: ByteBudget) { self.budget = budget }

    deinit { budget.give(taken) }

    /// Takes what a body needs that has grown to so many bytes; false when the server has no room for them.
    mutating func grow(to size: Int) -> Bool {
        let more = max(0, size - Self.free) - taken
        guard more > 0 else { return true }
        guard budget.take(more) else { return false }
        taken += more
        return true
    }
}
