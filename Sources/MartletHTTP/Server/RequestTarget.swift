// The target of a request that is a whole URL, whose host counts instead of the Host field.

import NIOHTTP1

/// The form of a request's target (RFC 9112, section 3.2).
enum RequestTarget: Equatable {
    /// A whole URL of the scheme http or https, with the host and port in it.
    case absolute(authority: String)
    /// A whole URL whose host is missing, has a user name or has bytes that no host has.
    case unusable
    /// A path, or another form without a host.
    case other

    init(_ target: String) {
        // Nearly all targets are paths.
        guard target.utf8.first != UInt8(ascii: "/"), let scheme = Self.schemes.first(where: target.hasScheme) else {
            self = .other
            return
        }
        let authority = target.utf8.dropFirst(scheme.utf8.count).prefix { !"/?#".utf8.contains($0) }
        guard !authority.isEmpty, authority.allSatisfy(Self.isAllowed) else {
            self = .unusable
            return
        }
        self = .absolute(authority: String(Substring(authority)))
    }

    private static let schemes = ["http://", "https://"]

    /// Whether a byte may stand in a name, an address or a port; `@` may not, as a user name would hide the host.
    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~%!$&'()*+,;=:[]".utf8.contains(byte)
        }
    }
}

extension String {
    fileprivate func hasScheme(_ scheme: String) -> Bool {
        utf8.count >= scheme.utf8.count && prefix(scheme.count).lowercased() == scheme
    }
}

extension HTTPRequestHead {
    /// The head with the host of a target that is a whole URL instead of Host, as RFC 9112 (section 3.2.2) requires.
    func addressed(to authority: String) -> HTTPRequestHead {
        var head = self
        head.headers.replaceOrAdd(name: "host", value: authority)
        return head
    }
}
