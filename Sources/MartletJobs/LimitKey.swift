// The keys by which a queue limits what runs: names with weights that a job brings along.

/// A key of a job, by which its queue may limit how many jobs run at a time and how often they start.
///
/// A key is `class:value`, such as `host:example.com` or `tenant:7`. It has an effect only if the queue has a limit for it or
/// for its class. The classes `type`, `tag` and `group` belong to the queue and cannot be named by jobs.
///
/// ```swift
/// let keys: [LimitKey] = ["host:example.com", LimitKey("tenant:7", weight: 2)]
/// ```
public struct LimitKey: Sendable, Hashable {
    /// The class, a colon and the value: `host:example.com`.
    public var name: String
    /// How much of the limit the job takes, 1 to 1000.
    public var weight: Int

    /// Creates a key.
    ///
    /// - Parameters:
    ///   - name: the class, a colon and the value; the value has 1 to 128 bytes.
    ///   - weight: how much of the limit the job takes, 1 to 1000.
    public init(_ name: String, weight: Int = 1) {
        self.name = name
        self.weight = weight
    }
}

extension LimitKey: ExpressibleByStringLiteral {
    /// Creates a key of weight 1.
    ///
    /// - Parameter value: the class, a colon and the value.
    public init(stringLiteral value: String) { self.init(value) }
}

extension LimitKey {
    /// The most bytes of a class and of a value, and the most keys of a job.
    package static let longestClass = 32
    package static let longestValue = 128
    package static let most = 8
    /// The weights that a key may have.
    package static let weights = 1...1000
    /// The classes whose keys follow from other fields of a job.
    package static let implicitClasses: Set<String> = ["type", "tag", "group"]

    /// The class and the value of a name; `nil` if it is no name of a key.
    package static func parts(of name: String) -> (class: Substring, value: Substring)? {
        guard let colon = name.firstIndex(of: ":") else { return nil }
        let (kind, value) = (name[..<colon], name[name.index(after: colon)...])
        guard isClass(kind), value.isLabel(upTo: longestValue), value.first != " ", value.last != " ", value != "*"
        else {
            return nil
        }
        return (kind, value)
    }

    /// Whether a text matches `^[a-z][a-z0-9_-]{0,31}$`.
    package static func isClass(_ text: some StringProtocol) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, (0x61...0x7A).contains(first), bytes.count <= longestClass else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case 0x61...0x7A, 0x30...0x39, UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
    }

    /// Whether a job may have the key.
    package var isValid: Bool {
        guard Self.weights.contains(weight), let parts = Self.parts(of: name) else { return false }
        return !Self.implicitClasses.contains(String(parts.class))
    }

    /// Whether a job may have these keys.
    package static func areValid(_ keys: [LimitKey]) -> Bool {
        keys.count <= most && keys.allSatisfy(\.isValid) && Set(keys.map(\.name)).count == keys.count
    }
}

extension LimitKey {
    /// The keys as a job's hash keeps them: one a line, the weight before the name.
    package static func stored(_ keys: [LimitKey]) -> String {
        keys.map { "\($0.weight) \($0.name)" }.joined(separator: "\n")
    }

    /// Reads stored keys; lines that are none are left out.
    package static func list(stored text: String) -> [LimitKey] {
        text.split(separator: "\n").compactMap { line in
            guard let blank = line.firstIndex(of: " "), let weight = Int(line[..<blank]) else { return nil }
            return LimitKey(String(line[line.index(after: blank)...]), weight: weight)
        }
    }
}
