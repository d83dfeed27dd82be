// The containers of a flat encoder: keyed, and single values.

/// A keyed container over the fields of the object.
struct FlatKeys<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: FlatEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }

    func encodeNil(forKey key: Key) throws { encoder.add(key.stringValue, word: "null") }
    func encode(_ value: Bool, forKey key: Key) throws { encoder.add(key.stringValue, word: value ? "true" : "false") }
    func encode(_ value: String, forKey key: Key) throws { encoder.add(key.stringValue, value) }
    func encode(_ value: Double, forKey key: Key) throws { encoder.add(key.stringValue, value) }
    func encode(_ value: Float, forKey key: Key) throws { throw encoder.refuse() }
    func encode(_ value: Int, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: Int8, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: Int16, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: Int32, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: Int64, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: UInt, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: UInt8, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: UInt16, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: UInt32, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: UInt64, forKey key: Key) throws { encoder.add(key.stringValue, word: value.description) }
    func encode(_ value: some Encodable, forKey key: Key) throws { try encoder.add(key.stringValue, nested: value) }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> { FlatItem(encoder).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        FlatItem(encoder).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { superEncoder(of: encoder) }
    func superEncoder(forKey key: Key) -> any Encoder { superEncoder(of: encoder) }

    private func superEncoder(of encoder: FlatEncoder) -> any Encoder {
        encoder.refuse()
        return encoder
    }
}

/// The value of one field, for types that are one value: raw values, dates, ids.
///
/// It cannot refuse to be used as a list or object; the result is then discarded.
struct FlatItem: Encoder, SingleValueEncodingContainer, UnkeyedEncodingContainer {
    private let encoder: FlatEncoder
    private let name: String

    init(_ encoder: FlatEncoder, name: String = "") {
        self.encoder = encoder
        self.name = name
    }

    var userInfo: [CodingUserInfoKey: Any] { [:] }
    var codingPath: [any CodingKey] { encoder.codingPath }
    var count: Int { 0 }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }
    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        encoder.refuse()
        return self
    }
    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        encoder.refuse()
        return KeyedEncodingContainer(FlatKeys<Key>(encoder: encoder))
    }

    func encodeNil() throws { encoder.add(name, word: "null") }
    func encode(_ value: Bool) throws { encoder.add(name, word: value ? "true" : "false") }
    func encode(_ value: String) throws { encoder.add(name, value) }
    func encode(_ value: Double) throws { encoder.add(name, value) }
    func encode(_ value: Float) throws { throw encoder.refuse() }
    func encode(_ value: Int) throws { encoder.add(name, word: value.description) }
    func encode(_ value: Int8) throws { encoder.add(name, word: value.description) }
    func encode(_ value: Int16) throws { encoder.add(name, word: value.description) }
    func encode(_ value: Int32) throws { encoder.add(name, word: value.description) }
    func encode(_ value: Int64) throws { encoder.add(name, word: value.description) }
    func encode(_ value: UInt) throws { encoder.add(name, word: value.description) }
    func encode(_ value: UInt8) throws { encoder.add(name, word: value.description) }
    func encode(_ value: UInt16) throws { encoder.add(name, word: value.description) }
    func encode(_ value: UInt32) throws { encoder.add(name, word: value.description) }
    func encode(_ value: UInt64) throws { encoder.add(name, word: value.description) }
    func encode(_ value: some Encodable) throws { try encoder.add(name, nested: value) }

    func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { unkeyedContainer() }
    func superEncoder() -> any Encoder {
        encoder.refuse()
        return encoder
    }
}
