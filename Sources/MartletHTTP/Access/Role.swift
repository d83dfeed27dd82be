// What a caller may do: roles, and the queues that they hold for.

public import MartletQueue

/// What a token allows on its queues.
public enum Role: String, Sendable, Hashable, CaseIterable {
    /// Push jobs, and read those that a token of the same name pushed.
    case produce
    /// Claim and settle jobs over HTTP.
    case work
    /// See jobs, queues, workers and numbers.
    case read
    /// Pause, resume, cancel, retry, reprioritise and delete.
    case operate
    /// Everything.
    case admin
}

/// The names of queues that a token holds for: words in which `*` stands for any characters.
public struct QueueGlob: Sendable, Hashable, LosslessStringConvertible {
    /// The words, separated by commas.
    public let description: String
    private let words: [[UInt8]]

    /// All queues.
    public static let everything = QueueGlob(words: [Array("*".utf8)])

    /// Reads words of `a-z 0-9 . _ - *`; `nil` for anything else.
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

    /// Whether the queue is among them.
    public func matches(_ name: QueueName) -> Bool {
        if self == .everything { return true }
        let name = Array(name.description.utf8)
        return words.contains { Self.matches($0[...], name[...]) }
    }

    /// Whether it holds for all queues, also for those that do not exist yet.
    public var isEverything: Bool { words.contains { $0.allSatisfy { $0 == UInt8(ascii: "*") } } }

    // Greedy with one place to go back to: linear in practice, never exponential.
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

/// Who asks, and what they may do.
struct Caller: Sendable {
    var name: String
    var roles: Set<Role>
    var queues: QueueGlob

    /// Whoever reaches a loopback address that asks for no tokens.
    static let local = Caller(name: "local", roles: [.admin], queues: .everything)

    /// Who asks what everybody may ask, and has shown no token.
    static let anybody = Caller(name: "-", roles: [], queues: .everything)

    /// Whether the caller may know where Redis is and what it said.
    var seesCauses: Bool { has(anyOf: [.operate]) }

    /// Whether they may read what others pushed; who cannot, and produces, reads only what the same token pushed.
    var seesAllJobs: Bool { has(anyOf: [.read, .operate]) }

    /// What the jobs carry that they push, so that they may read these again; `nil` where they may read all.
    var owner: String? { seesAllJobs ? nil : name }

    func has(anyOf allowed: Set<Role>) -> Bool { roles.contains(.admin) || !roles.isDisjoint(with: allowed) }
}
