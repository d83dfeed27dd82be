// The permissions of callers: roles, and the queues that they apply to.

public import MartletQueue

/// What a token allows on its queues.
public enum Role: String, Sendable, Hashable, CaseIterable {
    /// Push jobs, and read those pushed by a token of the same name.
    case produce
    /// Claim and settle jobs over HTTP.
    case work
    /// Read jobs, queues, workers and statistics.
    case read
    /// Pause, resume, cancel, retry, reprioritise and delete.
    case operate
    /// Everything.
    case admin
}

/// The queues that a token has access to: patterns in which `*` matches any characters.
public struct QueueGlob: Sendable, Hashable, LosslessStringConvertible {
    /// The patterns, separated by commas.
    public let description: String
    private let words: [[UInt8]]

    /// All queues.
    public static let everything = QueueGlob(words: [Array("*".utf8)])

    /// Parses patterns of `a-z 0-9 . _ - *`.
    ///
    /// - Parameter description: the patterns, separated by commas.
    /// - Returns: `nil` for invalid patterns.
    public init?(_ description: String) {
        let words = description.split(separator: ",", omittingEmptySubsequences: false).map { Array($0.utf8) }
        let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789._-*".utf8)
        guard words.allSatisfy({ (1...64).contains($0.count) && $0.allSatisfy(allowed.contains) }) else { return nil }
        self.init(words: words)
    }

    private init(words: [[UInt8]]) {
        self.words = words
        description = words.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",")
    }

    /// Whether the queue matches.
    ///
    /// - Parameter name: the queue.
    /// - Returns: whether the token has access to it.
    public func matches(_ name: QueueName) -> Bool {
        if self == .everything { return true }
        let name = Array(name.description.utf8)
        return words.contains { Self.matches($0[...], name[...]) }
    }

    /// Whether all queues match, including future ones.
    public var isEverything: Bool { words.contains { $0.allSatisfy { $0 == UInt8(ascii: "*") } } }

    // Greedy with a single backtracking position: linear in practice, never exponential.
    private static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var (pattern, text) = (pattern, text)
        var retry: (pattern: ArraySlice<UInt8>, text: ArraySlice<UInt8>)?
        while let byte = text.first {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (pattern, text)
            } else if pattern.first == byte {
                (pattern, text) = (pattern.dropFirst(), text.dropFirst())
            } else if let last = retry {
                (pattern, text) = (last.pattern, last.text.dropFirst())
                retry = (pattern, text)
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

/// The caller of a request and its permissions.
struct Caller: Sendable {
    var name: String
    var roles: Set<Role>
    var queues: QueueGlob

    /// The caller on a loopback address without authentication.
    static let local = Caller(name: "local", roles: [.admin], queues: .everything)

    /// The caller of a public route without a token.
    static let anybody = Caller(name: "-", roles: [], queues: .everything)

    /// Whether the caller may see Redis' address and error texts.
    var seesCauses: Bool { has(anyOf: [.operate]) }

    /// Whether the caller may read jobs of others; a producer without this reads only jobs pushed by its token.
    var seesAllJobs: Bool { has(anyOf: [.read, .operate]) }

    /// The owner recorded in jobs that the caller pushes; `nil` for a caller that may read all jobs.
    var owner: String? { seesAllJobs ? nil : name }

    func has(anyOf allowed: Set<Role>) -> Bool { roles.contains(.admin) || !roles.isDisjoint(with: allowed) }
}
