// The URL of a download, parsed strictly, so that no later parser can see a different host.

import FoundationEssentials
import MartletJobs

struct DownloadURL: Hashable, Sendable {
    static let longest = 8192

    var isSecure: Bool
    /// In lower case; an IPv6 address without brackets.
    var host: String
    var port: Int
    /// Path and query, starting with a slash.
    var target: String

    /// Parses and validates a URL; without `allowPrivateAddresses`, also its host and port.
    init(_ text: String, allowPrivateAddresses: Bool) throws(DownloadRuleError) {
        let rest = try Self.checkedScheme(text)
        isSecure = rest.isSecure
        let authorityEnd =
            rest.after.utf8.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
            ?? rest.after.endIndex
        let (host, portText) = try Self.split(authority: rest.after[..<authorityEnd])
        port = try Self.port(portText, default: rest.isSecure ? 443 : 80)
        self.host = try HostRules.checked(host.lowercased(), allowPrivateAddresses: allowPrivateAddresses)
        if !allowPrivateAddresses { try HostRules.check(port: port) }
        target = Self.target(rest.after[authorityEnd...])
    }

    /// The normalised URL without fragment.
    var text: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

    /// The URL for logs and errors, without its query, which may hold secrets.
    var display: String {
        let path = target.prefix { $0 != "?" }
        return "\(isSecure ? "https" : "http")://\(authority)\(path)"
    }

    /// One spelling for all URLs that are equivalent by RFC 3986, sections 6.2.2 and 6.2.3.
    var identity: String {
        let plain = Percent.normalized(target)
        let path = plain.prefix { $0 != "?" }
        let rest = plain.dropFirst(path.count)
        return "\(isSecure ? "https" : "http")://\(authority)\(Self.withoutDotSegments(path))\(rest)"
    }

    private static func withoutDotSegments(_ path: Substring) -> String {
        var kept: [Substring] = []
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for segment in segments where segment != "." {
            if segment == ".." { _ = kept.popLast() } else { kept.append(segment) }
        }
        // A trailing dot segment leaves the slash before it.
        let endsInSlash = segments.last == "." || segments.last == ".."
        return "/" + kept.joined(separator: "/") + (endsInSlash && !kept.isEmpty ? "/" : "")
    }

    /// Host and port as in the `Host` header.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The host as shares of slots count it: one for every spelling of an address.
    var sharedHost: String { IPAddress(host)?.withoutMapping.description ?? host }

    /// The last path segment, percent-decoded; `nil` when it is empty or not UTF-8.
    var lastPathSegment: String? {
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") }
        guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        let segment = path[path.index(after: slash)...]
        return segment.isEmpty ? nil : Percent.decoded(Substring(segment))
    }

    /// The target of a redirect.
    func resolved(_ location: String, allowPrivateAddresses: Bool) throws(DownloadRuleError) -> DownloadURL {
        // Browsers take them for slashes, so the host that is meant is uncertain.
        guard !location.utf8.prefix(while: { !"?#".utf8.contains($0) }).contains(UInt8(ascii: "\\")) else {
            throw .url("must not contain backslashes before its query")
        }
        guard !location.isEmpty, location.utf8.count <= Self.longest,
            let base = URL(string: text), let next = URL(string: location, relativeTo: base)?.absoluteURL
        else { throw .url("must be a URL of at most \(Self.longest) bytes") }
        return try DownloadURL(next.absoluteString, allowPrivateAddresses: allowPrivateAddresses)
    }

    private static func checkedScheme(
        _ text: String
    ) throws(DownloadRuleError) -> (isSecure: Bool, after: Substring) {
        guard text.utf8.count <= longest else { throw .url("must be at most \(longest) bytes long") }
        let isHarmful = text.utf8.contains { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }
        guard !isHarmful else { throw .url("must not contain spaces, control characters or backslashes") }
        if begins(text, with: "https://") { return (true, Substring(text.utf8.dropFirst(8))) }
        if begins(text, with: "http://") { return (false, Substring(text.utf8.dropFirst(7))) }
        throw .url("must be an absolute URL that begins with http:// or https://")
    }

    /// Whether a text starts with a lower-case ASCII text, ignoring its own case.
    private static func begins(_ text: String, with start: StaticString) -> Bool {
        start.withUTF8Buffer { start in
            text.utf8.starts(with: start) {
                $0 == $1 || ($0 &+ 0x20 == $1 && $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z"))
            }
        }
    }

    private static func split(
        authority: Substring
    ) throws(DownloadRuleError) -> (host: Substring, port: Substring?) {
        guard !authority.isEmpty else { throw .url("must name a host") }
        guard !authority.utf8.contains(UInt8(ascii: "@")) else {
            throw .url("must not contain a user name or password")
        }
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .url("has an unclosed [ in its host") }
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw .url("has text between host and port") }
            return (authority[...end], after.isEmpty ? nil : after.dropFirst())
        }
        guard let colon = authority.utf8.firstIndex(of: UInt8(ascii: ":")) else { return (authority, nil) }
        return (authority[..<colon], authority[authority.utf8.index(after: colon)...])
    }

    private static func port(_ text: Substring?, default standard: Int) throws(DownloadRuleError) -> Int {
        guard let text else { return standard }
        let isDecimal = text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard isDecimal, (1...5).contains(text.utf8.count), !text.hasPrefix("0"), let port = Int(text), port <= 65535
        else { throw .url("must have a port from 1 to 65535, without leading zeros") }
        return port
    }

    /// Path and query, with everything encoded that a request line cannot contain; without the fragment.
    private static func target(_ text: Substring) -> String {
        let wanted = text.utf8.prefix { $0 != UInt8(ascii: "#") }
        let isAbsolute = wanted.first == UInt8(ascii: "/")
        if isAbsolute, wanted.allSatisfy(Percent.isTargetByte) { return String(Substring(wanted)) }
        var encoded = isAbsolute ? "" : "/"
        let bytes = Array(wanted)
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
