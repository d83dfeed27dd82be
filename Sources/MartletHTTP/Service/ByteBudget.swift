// A memory limit shared by all requests of a server.

import Synchronization

/// Counts bytes up to a limit shared by all requests.
final class ByteBudget: Sendable {
    /// The most bytes.
    let limit: Int
    private let used = Atomic<Int>(0)

    init(limit: Int) { self.limit = limit }

    /// The bytes in use.
    var held: Int { used.load(ordering: .relaxed) }

    /// Takes bytes; takes nothing and returns false when the limit would be exceeded.
    func take(_ count: Int) -> Bool {
        let now = used.wrappingAdd(count, ordering: .relaxed).newValue
        guard now > limit else { return true }
        give(count)
        return false
    }

    /// Takes bytes even beyond the limit.
    func takeAnyway(_ count: Int) { used.wrappingAdd(count, ordering: .relaxed) }

    /// Releases bytes.
    func give(_ count: Int) { used.wrappingSubtract(count, ordering: .relaxed) }
}

/// The bytes of one request's body that count towards the budget; released with the request.
struct BodyShare: ~Copyable {
    /// The bytes per body that are not counted, so that small requests need no budget.
    static let free = 64 << 10

    private let budget: ByteBudget
    private var taken = 0

    init(_ budget: ByteBudget) { self.budget = budget }

    deinit { budget.give(taken) }

    /// Takes the bytes for a body that has grown to `size`; false when the budget is exhausted.
    mutating func grow(to size: Int) -> Bool {
        let more = max(0, size - Self.free) - taken
        guard more > 0 else { return true }
        guard budget.take(more) else { return false }
        taken += more
        return true
    }
}
