// A flat payload, the most common kind: one JSON object of plain values, without nesting or escapes.

/// The positions of the fields in a flat JSON object, found in one pass over its bytes.
///
/// The parser is strict: it leaves anything that is not plainly valid and simple JSON to `JSONDecoder`.
struct FlatPayload {
    /// A value that is neither an object nor an array.
    enum Value {
        /// A string, as the range between its quotes: valid UTF-8 without escapes.
        case text(Range<Int>)
        /// A number without fraction or exponent that fits `Int`.
        case whole(Int)
        /// A number with a fraction and without an exponent.
        case fraction(Range<Int>)
        case truth(Bool)
        case null
    }

    private struct Field {
        let name: Range<Int>
        let value: Value
    }

    /// The most fields; up to this many, a linear search is faster than a table.
    private static let limit = 32

    private let bytes: [UInt8]
    private var fields: [Field] = []

    /// Finds the fields of `payload`; `nil` when it is not a flat object.
    init?(_ payload: [UInt8]) {
        bytes = payload
        fields.reserveCapacity(4)
        var scanner = FlatScanner(payload)
        guard scanner.takes("{") else { return nil }
        if !scanner.takes("}") {
            repeat {
                // Two different names outside ASCII can be equal as Swift strings.
                guard fields.count < Self.limit, let name = scanner.text(), scanner.isASCII || bytes.isASCII(name),
                    scanner.takes(":"), let value = scanner.value()
                else { return nil }
                fields.append(Field(name: name, value: value))
            } while scanner.takes(",")
            guard scanner.takes("}") else { return nil }
        }
        guard scanner.isAtEnd, scanner.isASCII || String(validating: payload, as: UTF8.self) != nil else { return nil }
    }

    /// The result of a search by name.
    enum Found {
        case value(Value)
        case nothing
        /// Undecided; use `JSONDecoder`.
        case unclear
    }

    /// Finds the only field with this name.
    func find(_ name: String) -> Found {
        var name = name
        return name.withUTF8 { name in
            var found: Value?
            for field in fields
            where field.name.count == name.count && name.elementsEqual(bytes[field.name]) {
                guard found == nil else { return .unclear }
                found = field.value
            }
            if let found { return .value(found) }
            // Outside ASCII, strings with different bytes can be equal.
            return name.allSatisfy { $0 < 0x80 } ? .nothing : .unclear
        }
    }

    /// The string at the range that a value holds.
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}

/// Reads the tokens of a flat JSON object in order.
private struct FlatScanner {
    private let bytes: [UInt8]
    private var position = 0
    /// Whether every string so far is ASCII.
    private(set) var isASCII = true

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while position < bytes.count, bytes[position].isBlank { position += 1 }
    }

    /// Whether only whitespace follows.
    var isAtEnd: Bool { bytes[position...].allSatisfy(\.isBlank) }

    /// Skips `mark` and the whitespace around it; returns false when the next character differs.
    mutating func takes(_ mark: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard byte == UInt8(ascii: mark) else { return false }
        position += 1
        skipBlanks()
        return true
    }

    /// Reads a string and returns the range between its quotes.
    mutating func text() -> Range<Int>? {
        guard byte == UInt8(ascii: "\"") else { return nil }
        let start = position + 1
        var (end, all) = (start, UInt8(0))
        while end < bytes.count {
            let byte = bytes[end]
            if byte == UInt8(ascii: "\"") {
                position = end + 1
                if all >= 0x80 { isASCII = false }
                return start..<end
            }
            guard byte >= 0x20, byte != UInt8(ascii: "\\") else { return nil }
            all |= byte
            end += 1
        }
        return nil
    }

    mutating func value() -> FlatPayload.Value? {
        switch byte {
        case UInt8(ascii: "\""): text().map { .text($0) }
        case UInt8(ascii: "t"): takes(word: "true") ? .truth(true) : nil
        case UInt8(ascii: "f"): takes(word: "false") ? .truth(false) : nil
        case UInt8(ascii: "n"): takes(word: "null") ? .null : nil
        default: number()
        }
    }

    private mutating func takes(word: StaticString) -> Bool {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count, word.withUTF8Buffer({ $0.elementsEqual(bytes[position..<end]) }) else { return false }
        position = end
        return true
    }

    private mutating func number() -> FlatPayload.Value? {
        let start = position
        let isNegative = byte == UInt8(ascii: "-")
        if isNegative { position += 1 }
        guard let whole = digits(), whole.count == 1 || bytes[whole.lowerBound] != UInt8(ascii: "0") else { return nil }
        if byte == UInt8(ascii: ".") {
            position += 1
            guard digits() != nil, !isInNumber else { return nil }
            return .fraction(start..<position)
        }
        // 18 digits cannot overflow. An integer has no negative zero.
        guard !isInNumber, whole.count <= 18 else { return nil }
        let magnitude = bytes[whole].reduce(0) { $0 * 10 + Int($1 & 15) }
        guard !isNegative || magnitude > 0 else { return nil }
        return .whole(isNegative ? -magnitude : magnitude)
    }

    private mutating func digits() -> Range<Int>? {
        let start = position
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
        return start < position ? start..<position : nil
    }

    /// Whether the number continues with a character that this parser does not support.
    private var isInNumber: Bool { byte.map { $0 | 0x20 == UInt8(ascii: "e") || $0 == UInt8(ascii: ".") } ?? false }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}

extension [UInt8] {
    fileprivate func isASCII(_ range: Range<Int>) -> Bool { self[range].allSatisfy { $0 < 0x80 } }
}
