// A validated queue name.

/// The name of a queue, matching `^[a-z0-9][a-z0-9._-]{0,63}$`.
///
/// ```swift
/// if let name = QueueName("mail") {
///     let queue = store.queue(name)
///     print(queue.name)
/// }
/// ```
public struct QueueName: Hashable, Sendable, LosslessStringConvertible, Comparable {
    /// The most bytes of a name.
    package static let longest = 64
    /// The names as a regular expression.
    package static let pattern = "^[a-z0-9][a-z0-9._-]{0,63}$"
    /// The rule for names, phrased to follow a field's name.
    package static let rule = "must match \(pattern)"

    /// The name as text, the same in Redis and in every interface.
    public let description: String

    /// Creates a name from external text.
    ///
    /// - Parameter description: the text.
    /// - Returns: `nil` when it is empty, too long, or has an invalid character.
    public init?(_ description: String) {
        let bytes = description.utf8
        guard let first = bytes.first, bytes.count <= Self.longest, Self.isAlphanumeric(first) else { return nil }
        guard bytes.allSatisfy({ Self.isAlphanumeric($0) || Self.isPunctuation($0) }) else { return nil }
        self.description = description
    }

    private init(unchecked: String) { self.description = unchecked }

    /// The default queue.
    public static let `default` = QueueName(unchecked: "default")
    /// The queue of the built-in download job.
    public static let downloads = QueueName(unchecked: "downloads")

    /// Compares by bytes.
    ///
    /// - Parameters:
    ///   - left: a name.
    ///   - right: another name.
    /// - Returns: whether `left` sorts first.
    public static func < (left: QueueName, right: QueueName) -> Bool { left.description < right.description }

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
