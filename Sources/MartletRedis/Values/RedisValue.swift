// A value of a RESP2 reply.

/// A value of a Redis reply.
///
/// The cases are those of RESP2. Simple and bulk strings are both ``bytes(_:)``; a nil bulk string and a nil array are
/// both ``null``. An ``error(_:)`` occurs only inside an array, since an error reply is thrown.
///
/// ```swift
/// let reply = try await client.send(.command("LRANGE", "names", "0", "-1"))
/// let names = reply.array?.compactMap(\.string) ?? []
/// ```
public enum RedisValue: Sendable, Hashable {
    /// A nil bulk string or a nil array.
    case null
    /// An integer.
    case integer(Int)
    /// A simple string (such as `OK`) or a bulk string.
    case bytes([UInt8])
    /// An array; elements can be of different kinds.
    case array([RedisValue])
    /// An error inside an array, for instance of a command in `EXEC`.
    case error(String)

    /// The integer, or the number that a string spells in decimal; otherwise `nil`.
    public var int: Int? {
        switch self {
        case .integer(let number): number
        case .bytes(let bytes): Int(String(decoding: bytes, as: UTF8.self))
        case .null, .array, .error: nil
        }
    }

    /// The string as UTF-8; `nil` for other values and invalid UTF-8.
    public var string: String? {
        guard case .bytes(let bytes) = self else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The bytes of a string; `nil` for other values.
    public var bytes: [UInt8]? {
        guard case .bytes(let bytes) = self else { return nil }
        return bytes
    }

    /// The elements of an array; `nil` for other values.
    public var array: [RedisValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// Whether the value is nil.
    public var isNull: Bool { self == .null }
}

extension RedisValue {
    /// The fields of an `INFO` reply; empty for other values.
    package var informationFields: [String: String] {
        var fields: [String: String] = [:]
        for line in (string ?? "").split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let name = line.prefix { $0 != ":" }
            fields[String(name)] = String(line.dropFirst(name.count + 1))
        }
        return fields
    }
}
