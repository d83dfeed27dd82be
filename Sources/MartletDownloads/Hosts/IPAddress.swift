// An IPv4 or IPv6 address, and whether it is public.

import Glibc
import MartletJobs

struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes in network order.
    let bytes: [UInt8]

    /// Parses four decimal numbers or an IPv6 address without zone; `nil` for other forms.
    init?(_ text: String) {
        var raw = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &raw) == 1 {
            bytes = Array(raw.prefix(4))
            return
        }
        guard inet_pton(AF_INET6, text, &raw) == 1 else { return nil }
        bytes = raw
    }

    /// Parses an IPv4 address as C libraries do: one to four decimal, octal or 0x numbers; `nil` for other forms.
    static func anyIPv4(_ text: String) -> IPAddress? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts.compactMap(Self.number)
        guard let last = numbers.last, numbers.count == parts.count, numbers.count <= 4 else { return nil }
        let first = numbers.dropLast()
        // The last number stands for all bytes that are left.
        let rest = 4 - first.count
        guard first.allSatisfy({ $0 <= 255 }), last < UInt64(1) << UInt64(8 * rest) else { return nil }
        let lastBytes = (0..<rest).reversed().map { UInt8(truncatingIfNeeded: last >> UInt64(8 * $0)) }
        return IPAddress(network: first.map { UInt8($0) } + lastBytes)
    }

    private static func number(_ text: Substring) -> UInt64? {
        let isHexadecimal = text.hasPrefix("0x")
        let digits = isHexadecimal ? text.dropFirst(2) : text
        guard digits.utf8.allSatisfy({ Hex.digit($0) != nil }) else { return nil }
        return UInt64(digits, radix: isHexadecimal ? 16 : digits.hasPrefix("0") ? 8 : 10)
    }

    init(network bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    var isIPv6: Bool { bytes.count == 16 }

    /// The address in its usual notation.
    var description: String {
        guard isIPv6 else { return bytes.map(String.init).joined(separator: ".") }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The IPv4 address that an IPv6 address stands for (`::ffff:a.b.c.d`); otherwise the address itself.
    var withoutMapping: IPAddress {
        isIPv6 && Self.mapped.contains(bytes) ? IPAddress(network: bytes.suffix(4)) : self
    }

    /// Whether the address is global unicast: not private, loopback, link-local, multicast, reserved or a tunnel.
    var isPublic: Bool { isIPv6 ? isPublicIPv6 : isPublicIPv4 }

    private var isPublicIPv4: Bool { !Self.reservedIPv4.contains { $0.contains(bytes) } }

    private var isPublicIPv6: Bool {
        // ::ffff:a.b.c.d and 64:ff9b::a.b.c.d lead to the IPv4 address they contain.
        if Self.mapped.contains(bytes) || Self.translated.contains(bytes) {
            return IPAddress(network: bytes.suffix(4)).isPublic
        }
        return Self.globalIPv6.contains(bytes) && !Self.reservedIPv6.contains { $0.contains(bytes) }
    }

    private static let reservedIPv4: [Network] = [
        Network([0], 8), Network([10], 8), Network([100, 64], 10), Network([127], 8), Network([169, 254], 16),
        Network([172, 16], 12), Network([192, 0, 0], 24), Network([192, 0, 2], 24), Network([192, 88, 99], 24),
        Network([192, 168], 16), Network([198, 18], 15), Network([198, 51, 100], 24), Network([203, 0, 113], 24),
        Network([224], 3),
    ]
    private static let mapped = Network([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 96)
    private static let translated = Network([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0], 96)
    private static let globalIPv6 = Network([0x20], 3)
    /// Protocol assignments including Teredo, documentation, 6to4.
    private static let reservedIPv6: [Network] = [
        Network([0x20, 0x01, 0x00], 23), Network([0x20, 0x01, 0x0D, 0xB8], 32), Network([0x20, 0x02], 16),
        Network([0x3F, 0xFF, 0x00], 20),
    ]

    /// A block of addresses, by its prefix.
    private struct Network: Sendable {
        let prefix: [UInt8]
        let bits: Int

        init(_ prefix: [UInt8], _ bits: Int) {
            self.prefix = prefix
            self.bits = bits
        }

        func contains(_ address: [UInt8]) -> Bool {
            (0..<bits).allSatisfy { bit in
                let mask = UInt8(0x80) >> UInt8(bit % 8)
                let wanted = bit / 8 < prefix.count ? prefix[bit / 8] & mask : 0
                return address[bit / 8] & mask == wanted
            }
        }
    }
}
