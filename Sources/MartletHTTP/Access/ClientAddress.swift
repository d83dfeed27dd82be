// The client address as per-address limits use it.

/// The address that a connection is counted under.
///
/// For IPv6 the first 64 bits count: they are what a network assigns to one customer, who controls all addresses in it.
struct ClientAddress: Sendable, Hashable {
    /// An IPv4 address, or the first four groups of an IPv6 address.
    let text: String

    /// The address of a connection in its usual notation; empty without one.
    init(_ address: String) {
        guard address.utf8.contains(UInt8(ascii: ":")) else {
            text = address
            return
        }
        // An IPv4 client of a dual-stack socket: ::ffff:192.0.2.1.
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
