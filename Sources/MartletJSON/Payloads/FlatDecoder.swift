// Decodes `Decodable` types from flat payloads faster than a general decoder.

/// Decodes a value from one flat payload, or reports that the type needs something unsupported.
final class FlatDecoder: Decoder {
    /// Thrown to fall back to the general decoder; callers never see it.
    struct NotHere: Error {}

    let payload: FlatPayload
    /// Whether the type asked for something unsupported; the type may have caught the error and continued.
    private(set) var hasRefused = false

    init(_ payload: FlatPayload) { self.payload = payload }

    /// Empty, as in a decoder without configuration.
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    var codingPath: [any CodingKey] {
        hasRefused = true
        return []
    }

    @discardableResult
    func refuse() -> NotHere {
        hasRefused = true
        return NotHere()
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(FlatContainer<Key>(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw refuse() }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw refuse() }
}

/// A keyed container over the fields of a flat payload.
private struct FlatContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: FlatDecoder

    var codingPath: [any CodingKey] { decoder.codingPath }

    var allKeys: [Key] {
        decoder.refuse()
        return []
    }

    private func value(_ key: Key) throws -> FlatValue {
        guard case .value(let value) = decoder.payload.find(key.stringValue) else { throw decoder.refuse() }
        return FlatValue(decoder: decoder, value: value)
    }

    func contains(_ key: Key) -> Bool {
        switch decoder.payload.find(key.stringValue) {
        case .value: return true
        case .nothing: return false
        case .unclear:
            decoder.refuse()
            return false
        }
    }

    func decodeNil(forKey key: Key) throws -> Bool { try value(key).decodeNil() }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try value(key).decode(type) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try value(key).decode(type) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try value(key).decode(type) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { throw decoder.refuse() }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try value(key).integer() }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try value(key).integer() }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try value(key).integer() }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try value(key).integer() }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try value(key).integer() }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try value(key).integer() }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try value(key).integer() }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try value(key).integer() }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try value(key).integer() }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try value(key).integer() }
    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try value(key).decode(type) }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> { throw decoder.refuse() }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { throw decoder.refuse() }
    func superDecoder() throws -> any Decoder { throw decoder.refuse() }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw decoder.refuse() }
}

/// A single-value container for types that are one value: raw values, dates, ids.
private struct FlatValue: Decoder, SingleValueDecodingContainer {
    let decoder: FlatDecoder
    let value: FlatPayload.Value

    var userInfo: [CodingUserInfoKey: Any] { [:] }
    var codingPath: [any CodingKey] { decoder.codingPath }

    func integer<Number: FixedWidthInteger>() throws -> Number {
        guard case .whole(let whole) = value, let number = Number(exactly: whole) else { throw decoder.refuse() }
        return number
    }

    func decodeNil() -> Bool {
        if case .null = value { return true }
        return false
    }

    func decode(_ type: Bool.Type) throws -> Bool {
        guard case .truth(let truth) = value else { throw decoder.refuse() }
        return truth
    }

    func decode(_ type: String.Type) throws -> String {
        guard case .text(let range) = value else { throw decoder.refuse() }
        return decoder.payload.text(range)
    }

    func decode(_ type: Double.Type) throws -> Double {
        switch value {
        // Below 2⁵³ every integer is exact as a double; above it, `JSONDecoder` decides how to round.
        case .whole(let whole) where whole.magnitude < 1 << 53: return Double(whole)
        // A number of at most 40 characters neither overflows nor underflows a double.
        case .fraction(let range) where range.count <= 40:
            guard let number = Double(decoder.payload.text(range)) else { throw decoder.refuse() }
            return number
        default: throw decoder.refuse()
        }
    }

    func decode(_ type: Float.Type) throws -> Float { throw decoder.refuse() }
    func decode(_ type: Int.Type) throws -> Int { try integer() }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer() }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer() }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer() }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer() }
    func decode(_ type: UInt.Type) throws -> UInt { try integer() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer() }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        guard !SpecialPayloads.contain(type) else { throw decoder.refuse() }
        return try T(from: self)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        throw decoder.refuse()
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw decoder.refuse() }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }
}
