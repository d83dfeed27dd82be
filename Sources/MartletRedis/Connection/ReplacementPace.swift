// How often connections to a read-only server are replaced. Pure.

/// Decides when the next connection to a read-only server is replaced: at once, then after 1 s, 2 s, 4 s, then every 5 s.
struct ReplacementPace: Sendable {
    private static let first: Int64 = 1_000_000_000
    private static let longest: Int64 = 5_000_000_000
    /// After so long without such a reply it begins anew.
    private static let quiet: Int64 = 30_000_000_000

    private var next = Int64.min
    private var wait = Self.first

    /// Whether a connection is to be replaced now; the next one then waits longer.
    mutating func isDue(now: Int64) -> Bool {
        guard now >= next else { return false }
        if next != .min, now - next > Self.quiet { wait = Self.first }
        next = now + wait
        wait = min(wait * 2, Self.longest)
        return true
    }
}
