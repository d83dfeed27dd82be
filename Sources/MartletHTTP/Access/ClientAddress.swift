// The address of a client as limits for each address see it.

/// Whom a connection is counted for.
///
/// Of an IPv6 address the first 64 bits count: they are what one customer of a network gets, and whoever has them has all
/// addresses behind them.
struct ClientAddress: Sendable, Hashable {
    /// An IPv4 address, or the first four groups of an IPv6 address.
    let text: String

    /// The address of a connection in its usual text form; empty where there is none.
    init(_ address: String) {
        guard address.utf8.contains(UInt8(ascii: ":")) else {
            text = address
            return
        }
        // An IPv4 client of a socket for both kinds: ::ffff:192.0.2.1.
        if address.utf8.contains(UInt8(ascii: ".")) {
            text = String(address.split(separator: ":").last ?? "")
            return
        }
        let halves = address.prefix { $0 != "%" }.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        let head = halves[0].split(separator: ":")
        let tail = halves.count > 1 ? halves[1].split(separator: ":") : []
        let zeros = Array(repeating: Substring("0"), count: max(0, 8 - head.count - tail.count))
        text = (head + zeros + tail).prefix(4).joined(separator: ":")
    }
}
