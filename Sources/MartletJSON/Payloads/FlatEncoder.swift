// Encodes flat objects of plain values, the most common payloads, faster than a general encoder.

/// Encodes one flat object, or reports that the value is not one.
final class FlatEncoder: Encoder {
    private struct Field {
        let name: String
        /// The range of the field with its name.
        let place: Range<Int>
    }

    /// Thrown to fall back to the general encoder; callers never see it.
    struct NotHere: Error {}

    private var bytes: [UInt8] = []
    private var fields: [Field] = []
    private var isOpen = false
    /// Whether something unsupported was requested; a type may catch the error and continue.
    private var hasRefused = false

    init() {
        bytes.reserveCapacity(256)
        fields.reserveCapacity(4)
    }

    /// Empty, as in an encoder without configuration.
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

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        // A second container may mean the same object or an error; unsupported here.
        if isOpen { hasRefused = true }
        isOpen = true
        return KeyedEncodingContainer(FlatKeys<Key>(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer { FlatItem(self).unkeyedContainer() }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        hasRefused = true
        return FlatItem(self)
    }
}

// MARK: - Fields

extension FlatEncoder {
    /// Writes a field; `write` appends the value.
    @inline(__always)
    private func add(_ name: String, _ write: (inout [UInt8]) -> Bool) {
        let start = bytes.count
        guard Self.append(name, to: &bytes) else { return hasRefused = true }
        bytes.append(UInt8(ascii: ":"))
        guard write(&bytes) else { return hasRefused = true }
        fields.append(Field(name: name, place: start..<bytes.count))
    }

    func add(_ name: String, _ text: String) { add(name) { Self.append(text, to: &$0) } }

    /// Writes a field with a fixed JSON spelling: digits or a literal.
    func add(_ name: String, word: String) {
        add(name) { bytes in
            bytes.append(contentsOf: word.utf8)
            return true
        }
    }

    func add(_ name: String, _ number: Double) {
        guard number.isFinite else { return hasRefused = true }
        let digits = number.description
        add(name, word: digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits)
    }

    func add(_ name: String, nested value: some Encodable) throws {
        guard !SpecialPayloads.contain(type(of: value)) else { throw refuse() }
        let count = fields.count
        try value.encode(to: FlatItem(self, name: name))
        if fields.count != count + 1 { hasRefused = true }
    }

    /// Appends a quoted string; false when it needs uncommon escapes.
    private static func append(_ text: String, to bytes: inout [UInt8]) -> Bool {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        let isDone = text.withUTF8 { utf8 in
            var start = 0
            for (index, byte) in utf8.enumerated() where byte < 0x30 || byte == UInt8(ascii: "\\") {
                guard let escape = escape(of: byte) else {
                    if byte < 0x20 { return false }
                    continue
                }
                bytes.append(contentsOf: utf8[start..<index])
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(escape)
                start = index + 1
            }
            bytes.append(contentsOf: utf8[start...])
            return true
        }
        bytes.append(UInt8(ascii: "\""))
        return isDone
    }

    private static func escape(of byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
        case UInt8(ascii: "\n"): UInt8(ascii: "n")
        case UInt8(ascii: "\r"): UInt8(ascii: "r")
        case UInt8(ascii: "\t"): UInt8(ascii: "t")
        default: nil
        }
    }

    /// The object with sorted fields; `nil` when it cannot be encoded here.
    func finished() -> [UInt8]? {
        // Names are sorted by bytes; strings outside ASCII compare differently.
        guard isOpen, !hasRefused, fields.count < 2 || fields.allSatisfy({ $0.name.utf8.allSatisfy { $0 < 0x80 } })
        else {
            return nil
        }
        fields.sort { $0.name < $1.name }
        var object: [UInt8] = []
        object.reserveCapacity(bytes.count + fields.count + 2)
        object.append(UInt8(ascii: "{"))
        for (index, field) in fields.enumerated() {
            if index > 0 {
                // The last value of a repeated field counts.
                guard fields[index - 1].name != field.name else { return nil }
                object.append(UInt8(ascii: ","))
            }
            object.append(contentsOf: bytes[field.place])
        }
        object.append(UInt8(ascii: "}"))
        return object
    }
}
