// Fuzzes the rules for URLs: no address that is not public passes, in whatever spelling the system would read it.

import Glibc

@testable import MartletDownloads

/// A line for the URL, then one for a redirect from it; behind a control character an address in one of its spellings.
func fuzzURLs(_ input: Input) {
    var input = input
    if let first = input.rest.first, first < 0x20 { return spelled(&input) }
    let text = input.words()
    let url = try? DownloadURL(text, allowPrivateAddresses: false)
    if let url { checkURL(url) }
    guard let base = url ?? (try? DownloadURL("https://a.example/b/c?d", allowPrivateAddresses: false)),
        let next = try? base.resolved(input.words(), allowPrivateAddresses: false)
    else { return }
    checkURL(next)
}

/// What holds of every URL that is let through.
private func checkURL(_ url: DownloadURL) {
    let text = url.text
    check(text.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "a byte that belongs in no request line: \(text)")
    check(!url.host.isEmpty && !url.host.contains("@") && (1...65_535).contains(url.port), "the authority of \(text)")
    check(url.target.hasPrefix("/"), "the target of \(text)")
    check(!url.display.contains("?"), "a query is shown of \(text)")
    if let address = systemAddress(of: url.host) { check(isPublic(address), "\(text) leads to \(address)") }
    if let address = looseIPv4(of: url.host) { check(isPublic(address), "\(text) may lead to \(address)") }
    check(url.host != "localhost" && !url.host.hasSuffix(".localhost"), "\(text) is this host")
    let again = try? DownloadURL(text, allowPrivateAddresses: false)
    check(again == url && again?.text == text, "\(text) became \(again?.text ?? "nothing")")
}

/// An address from the input in a spelling from the input: it passes only when it is public, and when plain, always.
private func spelled(_ input: inout Input) {
    let choice = Int(input.byte())
    let isIPv6 = choice >= 0x10
    let bytes = isIPv6 ? wrapped(&input) : input.bytes(4)
    let host = isIPv6 ? "[\(spelling6(bytes, choice & 0xF))]" : spelling4(bytes, choice)
    let url = try? DownloadURL("http://\(host)/", allowPrivateAddresses: false)
    if !isPublic(bytes) { check(url == nil, "\(host) passes") }
    let isPlain = isIPv6 ? choice & 0xF < 3 : choice == 0
    if isPlain, isPublic(bytes) { check(url != nil, "\(host) is public and refused") }
    if let url { checkURL(url) }
}

private func spelling4(_ bytes: [UInt8], _ choice: Int) -> String {
    let number = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let parts = bytes.map(UInt32.init)
    func octal(_ part: UInt32) -> String { "0" + String(part, radix: 8) }
    func hexadecimal(_ part: UInt32) -> String { "0x" + String(part, radix: 16) }
    let plain = parts.map(String.init).joined(separator: ".")
    switch choice {
    case 1: return String(number)
    case 2: return hexadecimal(number)
    case 3: return octal(number)
    case 4: return parts.map(hexadecimal).joined(separator: ".")
    case 5: return parts.map(octal).joined(separator: ".")
    case 6: return "\(parts[0]).\(number & 0xFF_FFFF)"
    case 7: return "\(hexadecimal(parts[0])).\(octal(parts[1])).\(number & 0xFFFF)"
    case 8: return plain + "."
    case 9: return plain + "%00.example"
    case 10: return String(plain.unicodeScalars.map { $0 == "." ? "。" : $0 }.map(Character.init))
    case 11: return plain.map { $0 == "." ? "%2e" : "\($0)" }.joined()
    case 12: return "a@" + plain
    case 13: return parts.map { "00\($0)" }.joined(separator: ".")
    case 14: return "0X" + String(number, radix: 16, uppercase: true)
    default: return plain
    }
}

/// Sixteen bytes, or four within one of the wrappings that lead to an IPv4 address.
private func wrapped(_ input: inout Input) -> [UInt8] {
    let choice = input.byte()
    let zeros = [UInt8](repeating: 0, count: 12)
    switch choice % 6 {
    case 0: return zeros.prefix(10) + [0xFF, 0xFF] + input.bytes(4)
    case 1: return zeros + input.bytes(4)
    case 2: return [0x20, 0x02] + input.bytes(4) + zeros.prefix(10)
    case 3: return [0x00, 0x64, 0xFF, 0x9B] + zeros.prefix(8) + input.bytes(4)
    case 4: return [0x20, 0x01, 0, 0] + zeros.prefix(8) + input.bytes(4)
    default: return input.bytes(16)
    }
}

private func spelling6(_ bytes: [UInt8], _ choice: Int) -> String {
    let words = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    let plain = words.map { String($0, radix: 16) }.joined(separator: ":")
    switch choice {
    case 1: return words.map { String($0, radix: 16, uppercase: true) }.joined(separator: ":")
    case 2: return plain.split(separator: ":").dropLast(2).joined(separator: ":") + ":" + spelling4(bytes.suffix(4), 0)
    case 3: return plain + "%25eth0"
    case 4: return plain + "%lo"
    case 5: return "[\(plain)]"
    case 6: return plain + "/64"
    default: return plain
    }
}

/// The address that the system takes a host for without asking a name server; bytes in network order.
private func systemAddress(of host: String) -> [UInt8]? {
    var hints = addrinfo()
    hints.ai_flags = AI_NUMERICHOST
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &found) == 0, let first = found?.pointee, let name = first.ai_addr else {
        return nil
    }
    defer { freeaddrinfo(found) }
    let (start, count) = first.ai_family == AF_INET ? (4, 4) : (8, 16)
    let raw = UnsafeRawBufferPointer(start: UnsafeRawPointer(name), count: start + count)
    return Array(raw.dropFirst(start))
}

/// The same as old C libraries read it: fewer parts, octal and hexadecimal numbers.
private func looseIPv4(of host: String) -> [UInt8]? {
    var address = in_addr()
    guard inet_aton(host, &address) != 0 else { return nil }
    return withUnsafeBytes(of: address.s_addr) { Array($0) }
}

/// Whether all of the internet can reach an address; written once more, with numbers instead of prefixes of bits.
private func isPublic(_ bytes: [UInt8]) -> Bool {
    let words = stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    guard bytes.count == 16 else { return isPublic4(bytes) }
    if words[0..<5].allSatisfy({ $0 == 0 }), words[5] == 0xFFFF { return isPublic4(Array(bytes.suffix(4))) }
    if words[0..<6] == [0x64, 0xFF9B, 0, 0, 0, 0] { return isPublic4(Array(bytes.suffix(4))) }
    switch words[0] {
    case 0x2001: return words[1] >= 0x200 && words[1] != 0xDB8
    case 0x2002: return false
    case 0x3FFF: return words[1] >= 0x1000
    default: return (0x2000...0x3FFF).contains(words[0])
    }
}

private func isPublic4(_ bytes: [UInt8]) -> Bool {
    let (a, b, c) = (bytes[0], bytes[1], bytes[2])
    switch a {
    case 0, 10, 127, 224...255: return false
    case 100: return !(64...127).contains(b)
    case 169: return b != 254
    case 172: return !(16...31).contains(b)
    case 192: return b != 168 && !(b == 0 && (c == 0 || c == 2)) && !(b == 88 && c == 99)
    case 198: return b != 18 && b != 19 && !(b == 51 && c == 100)
    case 203: return !(b == 0 && c == 113)
    default: return true
    }
}
