// Resolves host names and decides which addresses may be connected to.

import Glibc
import NIOPosix

/// Resolves the addresses of a host.
struct AddressResolver: Sendable {
    var resolve: @Sendable (String) async throws -> [IPAddress]

    /// The system's resolver; it blocks, so it runs on dedicated threads.
    static let system = AddressResolver { host in
        try await NIOThreadPool.singleton.runIfActive { try lookUp(host) }
    }

    private static func lookUp(_ host: String) throws -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_family = AF_UNSPEC
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard status == 0 else {
            throw DownloadError.unusable(host, detail: String(cString: gai_strerror(status)))
        }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let address = address(of: entry), !addresses.contains(address) { addresses.append(address) }
            next = entry.ai_next
        }
        return addresses
    }

    private static func address(of entry: addrinfo) -> IPAddress? {
        guard let raw = entry.ai_addr else { return nil }
        // The position of the address in sockaddr_in or sockaddr_in6.
        let place: Range<Int>
        switch entry.ai_family {
        case AF_INET: place = 4..<8
        case AF_INET6: place = 8..<24
        default: return nil
        }
        let bytes = UnsafeRawBufferPointer(start: raw, count: Int(entry.ai_addrlen))
        return bytes.count >= place.upperBound ? IPAddress(network: bytes[place]) : nil
    }
}

/// Decides which addresses may be connected to.
struct AddressPolicy: Sendable {
    var isAllowed: @Sendable (IPAddress) -> Bool

    static let publicOnly = AddressPolicy { $0.isPublic }
    static let any = AddressPolicy { _ in true }

    /// Resolves a host; refuses all addresses when one of them is forbidden, since mixed results are a known attack.
    func addresses(of host: String, by resolver: AddressResolver) async throws -> [IPAddress] {
        let found = if let literal = IPAddress(host) { [literal] } else { try await resolver.resolve(host) }
        guard !found.isEmpty else { throw DownloadError.unusable(host, detail: "it has no address") }
        for address in found { try check(address, of: host) }
        return found
    }

    func check(_ address: IPAddress, of host: String) throws {
        guard !isAllowed(address) else { return }
        // An address in the URL is not secret.
        guard IPAddress(host) == nil else {
            throw DownloadError.permanent(
                .addressRefused, "\(host) is not a public address; \(HostRules.hint)")
        }
        throw DownloadError.unusable(host, detail: "it leads to \(address), which is not a public address")
    }
}
