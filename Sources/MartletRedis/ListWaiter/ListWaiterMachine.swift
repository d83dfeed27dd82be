// The state machine of the blocking connection: the waiters per list and the keys of the current BLPOP. Pure.

/// The waiters for tokens, and the BLPOP that serves them.
///
/// A waiter is returned exactly once. Times are monotonic nanoseconds.
struct ListWaiterMachine<Waiter: Sendable>: ~Copyable, Sendable {
    private struct Entry: Sendable {
        let id: UInt64
        let key: String
        let waiter: Waiter
        let deadline: Int64
    }

    /// One BLPOP: its keys in order and its longest block.
    struct Turn: Sendable, Equatable {
        let keys: [String]
        let nanoseconds: Int64
    }

    /// The effect of a new waiter.
    enum Addition: Sendable {
        /// The waiter is done: with an unclaimed token, or without one.
        case done(Waiter, hasToken: Bool)
        /// The waiter waits.
        ///
        /// `start`: no BLPOP is in flight; `unblock`: the one in flight lacks the key.
        case waiting(start: Bool, unblock: Bool)
    }

    private var entries: [Entry] = []
    /// The keys of the BLPOP in flight; `nil` without one.
    private var covered: Set<String>?
    /// Keys with a popped token that no waiter took; the next waiter gets it.
    private var unclaimed: Set<String> = []
    private var turns = 0
    private var isClosed = false
    /// Whether the BLPOP in flight has outdated keys and must be ended.
    private(set) var needsUnblock = false

    var waiterCount: Int { entries.count }

    /// Adds a waiter for a token of list `key`.
    mutating func add(id: UInt64, key: String, waiter: Waiter, deadline: Int64, now: Int64) -> Addition {
        if isClosed || deadline <= now { return .done(waiter, hasToken: false) }
        if unclaimed.remove(key) != nil { return .done(waiter, hasToken: true) }
        entries.append(Entry(id: id, key: key, waiter: waiter, deadline: deadline))
        guard let covered else { return .waiting(start: true, unblock: false) }
        guard !covered.contains(key) else { return .waiting(start: false, unblock: false) }
        needsUnblock = true
        return .waiting(start: false, unblock: true)
    }

    /// A waiter timed out.
    ///
    /// The BLPOP ends by itself at about the same time.
    mutating func expire(id: UInt64) -> Waiter? { remove(id)?.waiter }

    /// A waiter was cancelled; a BLPOP that no longer needs its key must end, or it takes tokens from other processes.
    mutating func cancel(id: UInt64) -> (waiter: Waiter, unblock: Bool)? {
        guard let entry = remove(id) else { return nil }
        guard let covered, covered.contains(entry.key), !entries.contains(where: { $0.key == entry.key })
        else { return (entry.waiter, false) }
        needsUnblock = true
        return (entry.waiter, true)
    }

    private mutating func remove(_ id: UInt64) -> Entry? {
        guard let index = entries.firstIndex(where: { $0.id == id }) else { return nil }
        return entries.remove(at: index)
    }

    /// The next BLPOP; `nil` without waiters.
    ///
    /// BLPOP checks its keys in order, so each call starts with another key.
    ///
    /// - Parameters:
    ///   - now: the time.
    ///   - longest: the longest block in nanoseconds.
    mutating func begin(now: Int64, longest: Int64) -> Turn? {
        guard !isClosed, covered == nil, let soonest = entries.map(\.deadline).min() else { return nil }
        var seen: Set<String> = []
        let keys = entries.map(\.key).filter { seen.insert($0).inserted }.sorted()
        turns &+= 1
        let first = turns % keys.count
        covered = seen
        needsUnblock = false
        return Turn(
            keys: Array(keys[first...] + keys[..<first]), nanoseconds: min(max(soonest - now, 1_000_000), longest))
    }

    /// The BLPOP popped a token of `key`.
    ///
    /// - Returns: the longest waiting waiter.
    mutating func popped(_ key: String) -> Waiter? {
        ended()
        guard let index = entries.firstIndex(where: { $0.key == key }) else {
            if !isClosed { unclaimed.insert(key) }
            return nil
        }
        return entries.remove(at: index).waiter
    }

    /// The BLPOP ended without a token.
    mutating func ended() {
        covered = nil
        needsUnblock = false
    }

    /// The connection was lost during the BLPOP: what was popped is unknown, so all waiters poll themselves.
    mutating func lost() -> [Waiter] {
        ended()
        defer { entries.removeAll() }
        return entries.map(\.waiter)
    }

    /// Ends all waits.
    mutating func close() -> [Waiter] {
        isClosed = true
        return lost()
    }
}
