// One value of a Redis reply, as RESP2 knows it.

/// One value of a Redis reply.
///
/// The cases are those of RESP2. Simple strings and bulk strings are both ``bytes(_:)``; a nil bulk string and a nil
/// array are both ``null``. An ``error(_:)`` stands only inside an array: an error reply as a whole is thrown.
public enum RedisValue: Sendable, Hashable {
    /// A nil bulk string or a nil array.
    case null
    /// An integer.
    case integer(Int)
    /// A simple string (such as `OK`) or a bulk string.
    case bytes([UInt8])
    /// An array; elements can be of different kinds.
    case array([RedisValue])
    /// An error inside an array, for instance of a command within `EXEC`.
    case error(String)

    /// The value as an integer: of an integer, or of a string that is a decimal number.
    public var int: Int? {
        switch self {
        case .integer(let number): number
        case .bytes(let bytes): Int(String(decoding: bytes, as: UTF8.self))
        case .null, .array, .error: nil
        }
    }

    /// The value as text: of a string that is valid UTF-8.
    public var string: String? {
        guard case .bytes(let bytes) = self else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The bytes of a string.
    public var bytes: [UInt8]? {
        guard case .bytes(let bytes) = self else { return nil }
        return bytes
    }

    /// The elements of an array.
    public var array: [RedisValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// Whether this is the nil value.
    public var isNull: Bool { self == .null }
}

extension RedisValue {
    /// The fields of an answer to `INFO`; empty for anything else.
    package var informationFields: [String: String] {
        var fields: [String: String] = [:]
        for line in (string ?? "").split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let name = line.prefix { $0 != ":" }
            fields[String(name)] = String(line.dropFirst(name.count + 1))
        }
        return fields
    }
}
