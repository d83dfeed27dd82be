// The token table: read from a file of hashes and compared in constant time.

import Crypto
import FoundationEssentials
import MartletJobs

/// An invalid line of a token file.
public struct TokenFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The line number from 1; 0 when no line is involved.
    public var line: Int
    /// What is wrong and what is expected.
    public var message: String

    /// The line and what is wrong with it.
    public var description: String { line > 0 ? "line \(line): \(message)" : message }
}

/// The tokens that a server accepts.
///
/// A file has one token per line, `name roles queues sha256:<64 hex digits> [expires=<RFC 3339>]`. Roles and queues are
/// separated by commas; empty lines and lines that start with `#` are ignored:
///
/// ```
/// shop    produce        shop,shop-*  sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
/// oncall  read,operate   *            sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
/// ```
public struct TokenTable: Sendable {
    static let roleNames = Role.allCases.map(\.rawValue).joined(separator: ", ")

    private struct Entry: Sendable {
        var caller: Caller
        var digest: [UInt8]
        var expires: Date?
    }

    private var entries: [Entry] = []

    /// The number of tokens.
    public var count: Int { entries.count }

    /// Parses the text of a file.
    ///
    /// - Parameter text: the lines of a token file.
    /// - Throws: ``TokenFileError`` for the first invalid line.
    public init(_ text: String) throws(TokenFileError) {
        var lines: [Int] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
            guard !words.isEmpty else { continue }
            do { entries.append(try Self.entry(words)) } catch {
                throw TokenFileError(line: index + 1, message: error.message)
            }
            lines.append(index + 1)
        }
        try Self.checkTwins(entries, lines)
    }

    /// Refuses a token that occurs in two lines, since only one of them could apply.
    private static func checkTwins(_ entries: [Entry], _ lines: [Int]) throws(TokenFileError) {
        var seen: [[UInt8]: Int] = [:]
        for (place, entry) in entries.enumerated() {
            guard let first = seen.updateValue(place, forKey: entry.digest) else { continue }
            throw TokenFileError(
                line: lines[place],
                message: "\(entry.caller.name) is the same token as \(entries[first].caller.name) in line "
                    + "\(lines[first]); give each owner a separate token, or remove one line")
        }
    }

    private static func entry(_ words: [String]) throws(TokenFileError) -> Entry {
        guard (4...5).contains(words.count) else {
            throw TokenFileError(
                line: 0, message: "expected: name roles queues sha256:<64 hex digits> [expires=<time>]")
        }
        guard JobID.isName(words[0]) else {
            throw TokenFileError(line: 0, message: "a name has characters of A-Z a-z 0-9 . _ : - only")
        }
        var roles: Set<Role> = []
        for word in words[1].split(separator: ",") {
            guard let role = Role(rawValue: String(word)) else {
                throw TokenFileError(line: 0, message: "unknown role \(word.prefix(32)); there are \(roleNames)")
            }
            roles.insert(role)
        }
        guard let queues = QueueGlob(words[2]) else {
            throw TokenFileError(line: 0, message: "queues are names in which * stands for any characters")
        }
        guard words[3].hasPrefix("sha256:"), let digest = Hex.bytes(words[3].dropFirst(7)), digest.count == 32 else {
            throw TokenFileError(line: 0, message: "expected sha256: and 64 hex digits, never a token itself")
        }
        return Entry(
            caller: Caller(name: words[0], roles: roles, queues: queues), digest: digest,
            expires: try words.dropFirst(4).first.map(expiry))
    }

    private static func expiry(_ word: String) throws(TokenFileError) -> Date {
        guard word.hasPrefix("expires="), let date = Date(rfc3339: String(word.dropFirst(8))) else {
            throw TokenFileError(line: 0, message: "expected expires= and a time like 2027-01-31T00:00:00Z")
        }
        return date
    }

    /// The caller that a token identifies; `nil` when it is unknown or expired.
    ///
    /// All digests are compared in full, so that timing reveals nothing about a guess.
    func caller(presenting token: String, now: Date = Date()) -> Caller? {
        let digest = Array(SHA256.hash(data: Array(token.utf8)))
        var found: Entry?
        for entry in entries {
            var difference: UInt8 = 0
            for index in 0..<32 { difference |= entry.digest[index] ^ digest[index] }
            if difference == 0 { found = entry }
        }
        guard let found, found.expires.map({ now < $0 }) ?? true else { return nil }
        return found.caller
    }
}
