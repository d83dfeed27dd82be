// Generates bearer tokens: the secret for the owner, and the line for the server's token file.

import Crypto
import MartletJobs
import MartletQueue

/// A new bearer token: the secret is shown once, the server stores a hash.
public struct AccessToken: Sendable {
    /// The token that a client sends: `mt_<id>_<secret>`.
    public let secret: String
    /// The line for the token file.
    public let line: String

    /// Generates a token with 256 random bits.
    ///
    /// - Parameters:
    ///   - name: the name in logs and audits, 1 to 64 characters of `A-Z a-z 0-9 . _ : -`; the token's id by default.
    ///   - roles: what the token allows.
    ///   - queues: the queues that it has access to.
    /// - Throws: ``TokenFileError`` for an invalid name or without roles.
    public init(name: String? = nil, roles: Set<Role>, queues: QueueGlob = .everything) throws(TokenFileError) {
        let id = Self.random(bytes: 5, alphabet: "0123456789abcdefghjkmnpqrstvwxyz", bits: 5)
        let key = Self.random(
            bytes: 32, alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", bits: 6)
        let name = name ?? id
        guard JobID.isName(name), name.utf8.count <= 64 else {
            throw TokenFileError(line: 0, message: "a token's name has 1 to 64 characters of A-Z a-z 0-9 . _ : -")
        }
        guard !roles.isEmpty else {
            throw TokenFileError(line: 0, message: "a token needs at least one role of \(TokenTable.roleNames)")
        }
        secret = "mt_\(id)_\(key)"
        let words = Role.allCases.filter(roles.contains).map(\.rawValue).joined(separator: ",")
        line = "\(name) \(words) \(queues) sha256:\(Hex.text(of: SHA256.hash(data: Array(secret.utf8))))"
    }

    /// Random bytes as text, `bits` per character.
    private static func random(bytes: Int, alphabet: String, bits: Int) -> String {
        let letters = Array(alphabet)
        let count = (bytes * 8 + bits - 1) / bits
        var generator = SystemRandomNumberGenerator()
        return String((0..<count).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
    }
}
