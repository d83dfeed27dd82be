// The name of a queue, checked wherever it enters.

/// The name of a queue.
///
/// It matches `^[a-z0-9][a-z0-9._-]{0,63}$`.
public struct QueueName: Hashable, Sendable, LosslessStringConvertible, Comparable {
    /// The name as it stands in Redis and in every surface.
    public let description: String

    /// A name from outside; `nil` when it is empty, too long, or has a character outside the alphabet.
    public init?(_ description: String) {
        let bytes = description.utf8
        guard let first = bytes.first, bytes.count <= 64, Self.isAlphanumeric(first) else { return nil }
        guard bytes.allSatisfy({ Self.isAlphanumeric($0) || Self.isPunctuation($0) }) else { return nil }
        self.description = description
    }

    private init(unchecked: String) { self.description = unchecked }

    /// The queue of jobs whose producer named none.
    public static let `default` = QueueName(unchecked: "default")
    /// The queue of the built-in download job.
    public static let downloads = QueueName(unchecked: "downloads")

    /// By bytes.
    public static func < (left: QueueName, right: QueueName) -> Bool { left.description < right.description }

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
