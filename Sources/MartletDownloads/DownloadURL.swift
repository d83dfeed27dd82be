// A URL that a download may use: taken apart strictly, so that no later parser can read another host in it.

import FoundationEssentials

struct DownloadURL: Hashable, Sendable {
    static let longest = 8192

    var isSecure: Bool
    /// In lower case; an IPv6 address stands without its brackets.
    var host: String
    var port: Int
    /// Path and query, from the first slash.
    var target: String

    /// Reads and checks a URL; without `allowPrivateAddresses` also its host and port.
    init(_ text: String, allowPrivateAddresses: Bool) throws(DownloadRuleError) {
        let rest = try Self.checkedScheme(text)
        isSecure = rest.isSecure
        let authorityEnd = rest.after.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.after.endIndex
        let (host, portText) = try Self.split(authority: rest.after[..<authorityEnd])
        port = try Self.port(portText, default: rest.isSecure ? 443 : 80)
        self.host = try HostRules.checked(host.lowercased(), allowPrivateAddresses: allowPrivateAddresses)
        if !allowPrivateAddresses { try HostRules.check(port: port) }
        target = Self.target(rest.after[authorityEnd...])
    }

    /// The URL in its normal form, without fragment.
    var text: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

    /// The URL for a log or an error: its query may hold secrets and is left out.
    var display: String {
        let path = target.prefix { $0 != "?" }
        return "\(isSecure ? "https" : "http")://\(authority)\(path)"
    }

    /// Host and port as the `Host` header has them.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The last segment of the path, percent-decoded; `nil` when it is empty or not UTF-8.
    var lastPathSegment: String? {
        let path = target.prefix { $0 != "?" }
        guard let segment = path.split(separator: "/").last, !path.hasSuffix("/") else { return nil }
        return Percent.decoded(segment)
    }

    /// Where a redirect leads.
    func resolved(_ location: String, allowPrivateAddresses: Bool) throws(DownloadRuleError) -> DownloadURL {
        guard !location.isEmpty, location.utf8.count <= Self.longest,
            let base = URL(string: text), let next = URL(string: location, relativeTo: base)?.absoluteURL
        else { throw .url("the redirect's Location is not a URL") }
        return try DownloadURL(next.absoluteString, allowPrivateAddresses: allowPrivateAddresses)
    }

    private static func checkedScheme(
        _ text: String
    ) throws(DownloadRuleError) -> (isSecure: Bool, after: Substring) {
        guard text.utf8.count <= longest else { throw .url("must be at most \(longest) bytes long") }
        let isHarmful = text.unicodeScalars.contains { $0.value <= 0x20 || $0.value == 0x7F || $0 == "\\" }
        guard !isHarmful else { throw .url("must not contain spaces, control characters or backslashes") }
        let lower = text.prefix(8).lowercased()
        if lower.hasPrefix("https://") { return (true, text.dropFirst(8)) }
        if lower.hasPrefix("http://") { return (false, text.dropFirst(7)) }
        throw .url("must be an absolute URL that begins with http:// or https://")
    }

    private static func split(
        authority: Substring
    ) throws(DownloadRuleError) -> (host: Substring, port: Substring?) {
        guard !authority.isEmpty else { throw .url("must name a host") }
        guard !authority.contains("@") else { throw .url("must not contain a user name or password") }
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .url("has an unclosed [ in its host") }
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw .url("has text between host and port") }
            return (authority[...end], after.isEmpty ? nil : after.dropFirst())
        }
        guard let colon = authority.firstIndex(of: ":") else { return (authority, nil) }
        return (authority[..<colon], authority[authority.index(after: colon)...])
    }

    private static func port(_ text: Substring?, default standard: Int) throws(DownloadRuleError) -> Int {
        guard let text else { return standard }
        let isDecimal = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard isDecimal, (1...5).contains(text.utf8.count), !text.hasPrefix("0"), let port = Int(text), port <= 65535
        else { throw .url("must have a port from 1 to 65535, without leading zeros") }
        return port
    }

    /// Path and query with everything encoded that a request line cannot carry; the fragment is dropped.
    private static func target(_ text: Substring) -> String {
        let wanted = text.prefix { $0 != "#" }
        var encoded = wanted.hasPrefix("/") ? "" : "/"
        let bytes = Array(wanted.utf8)
        for (index, byte) in bytes.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && index + 2 < bytes.count && Hex.digit(bytes[index + 1]) != nil
                && Hex.digit(bytes[index + 2]) != nil
            if isEscape || Percent.isTargetByte(byte) {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += "%" + Hex.text(of: CollectionOfOne(byte), upperCase: true)
            }
        }
        return encoded
    }
}
