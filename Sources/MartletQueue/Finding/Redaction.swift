// Fields of payloads that are shown as digests: which they are, and how a payload looks then.

import Crypto
import MartletJSON
import MartletJobs

/// Which fields of which payloads nobody but a handler sees.
package struct Redaction: Sendable, Hashable {
    private struct Rule: Sendable, Hashable {
        /// The wire name; `nil` for all types.
        var type: String?
        var path: [String]
    }

    /// The text in front of a digest.
    package static let mark = "REDACTED:"
    /// What a list of fields must look like.
    package static let form = """
        fields such as password,card.number, for one type send-mail=password, several of these separated by semicolons
        """
    /// How many of the 64 digits of a digest are shown.
    fileprivate static let digits = 16

    private let rules: [Rule]

    /// No field is hidden.
    package static let none = Redaction(rules: [])

    private init(rules: [Rule]) { self.rules = rules }

    /// Parses `password;send-mail=to,card.number`; `payload.` in front of a field is allowed.
    package init?(_ text: String) {
        var rules: [Rule] = []
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(Self.trimmed)
            let (type, fields) = sides.count == 2 ? (sides[0], sides[1]) : ("*", sides[0])
            guard !type.isEmpty, type.isLabel(upTo: NewJob.Limit.type) else { return nil }
            for field in fields.split(separator: ",", omittingEmptySubsequences: false).map(Self.trimmed) {
                let path = field.hasPrefix("payload.") ? String(field.dropFirst("payload.".count)) : field
                guard let condition = PayloadCondition(path, equals: "") else { return nil }
                rules.append(Rule(type: type == "*" ? nil : type, path: condition.path))
            }
        }
        guard !rules.isEmpty else { return nil }
        self.rules = rules
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// Whether no field is hidden.
    package var isEmpty: Bool { rules.isEmpty }

    private func paths(of type: String) -> [ArraySlice<String>] {
        rules.filter { $0.type == nil || $0.type == type }.map { $0.path[...] }
    }

    /// Whether a condition on a value would tell something of a hidden field: it names one, a part or a container of it.
    ///
    /// - Parameters:
    ///   - condition: the condition.
    ///   - type: the only type that is looked at; `nil` for all.
    package func hides(_ condition: PayloadCondition, of type: String?) -> Bool {
        rules.contains { rule in
            guard rule.type == nil || type == nil || rule.type == type else { return false }
            // A list has the values of its elements, so positions do not tell two fields apart.
            let (hidden, asked) = (Self.names(rule.path), Self.names(condition.path))
            return zip(hidden, asked).allSatisfy { $0 == $1 }
        }
    }

    private static func names(_ path: [String]) -> [String] { path.filter { Int($0) == nil } }

    /// A payload with digests in the place of hidden fields; one that is no JSON is hidden as a whole.
    fileprivate func shown(_ payload: [UInt8], type: String, _ digest: ([UInt8]) -> String) -> [UInt8] {
        let paths = paths(of: type)
        guard !paths.isEmpty else { return payload }
        guard let json = try? JSONText(payload) else { return JSONOutput.string(digest(payload)).bytes }
        return Self.shown(json, paths, digest).bytes
    }

    /// Whether a payload has a shown digest in the place of a hidden value: it was copied from where it is shown.
    package func holdsDigest(_ payload: [UInt8], type: String) -> Bool {
        let paths = paths(of: type)
        guard !paths.isEmpty, let json = try? JSONText(payload) else { return false }
        var isFound = false
        _ = Self.shown(json, paths) { value in
            if value.starts(with: Self.mark.utf8) { isFound = true }
            return ""
        }
        return isFound
    }

    private static func shown(
        _ json: JSONText, _ paths: [ArraySlice<String>], _ digest: ([UInt8]) -> String
    ) -> JSONOutput {
        if paths.contains(where: \.isEmpty) {
            // One text has one digest, however it is spelled.
            return .string(digest(json.string.map { Array($0.utf8) } ?? json.bytes))
        }
        guard !paths.isEmpty else { return .raw(json.bytes) }
        if let members = json.members {
            return .members(
                members.map { name, value in
                    let inner = paths.filter { $0.first == name }.map { $0.dropFirst() }
                    return (name, shown(value, inner, digest))
                })
        }
        guard let elements = json.elements else { return .raw(json.bytes) }
        return .array(
            elements.enumerated().map { index, value in
                // A field of a list is that of each of its elements.
                let inner = paths.filter { $0.first == String(index) }.map { $0.dropFirst() }
                return shown(value, paths + inner, digest)
            })
    }
}

/// The hidden fields of one installation, and its secret, with which digests are made: nobody can look up a short value elsewhere.
package struct HiddenFields: Sendable, Hashable {
    package let redaction: Redaction
    fileprivate let key: [UInt8]

    package init(_ redaction: Redaction, key: [UInt8]) {
        self.redaction = redaction
        self.key = key
    }

    /// A payload with digests in the place of hidden fields.
    package func shown(_ payload: [UInt8], type: String) -> [UInt8] {
        redaction.shown(payload, type: type) { digest(of: $0) }
    }

    /// The mark and the digest of a value.
    private func digest(of value: [UInt8]) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: value, using: SymmetricKey(data: key))
        return Redaction.mark + Hex.text(of: Array(code).prefix(Redaction.digits / 2))
    }
}
