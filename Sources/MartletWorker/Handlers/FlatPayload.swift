// A payload as most are: one JSON object of plain values, without nesting and without escapes.

/// Where the fields of a flat JSON object stand; made in one pass over its bytes.
///
/// It is strict: what it does not know for certain to be valid JSON, or finds to be anything but simple, it leaves to
/// `JSONDecoder`.
struct FlatPayload {
    /// A value without a structure of its own.
    enum Value {
        /// The text between two quotes: valid UTF-8 without escapes.
        case text(Range<Int>)
        /// A number without fraction and exponent that fits.
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

    /// So many fields are looked through faster than a table is made.
    private static let limit = 32

    private let bytes: [UInt8]
    private var fields: [Field] = []

    /// The fields of `payload`; `nil` when it is not a flat object.
    init?(_ payload: [UInt8]) {
        bytes = payload
        fields.reserveCapacity(4)
        var scanner = FlatScanner(payload)
        guard scanner.takes("{") else { return nil }
        if !scanner.takes("}") {
            repeat {
                // A name beyond ASCII could equal another one that has other bytes.
                guard fields.count < Self.limit, let name = scanner.text(), scanner.isASCII || bytes.isASCII(name),
                    scanner.takes(":"), let value = scanner.value()
                else { return nil }
                fields.append(Field(name: name, value: value))
            } while scanner.takes(",")
            guard scanner.takes("}") else { return nil }
        }
        guard scanner.isAtEnd, scanner.isASCII || String(validating: payload, as: UTF8.self) != nil else { return nil }
    }

    /// What stands under a name.
    enum Found {
        case value(Value)
        case nothing
        /// Only `JSONDecoder` knows.
        case unclear
    }

    /// Looks for the one field with this name.
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
            // Texts can be equal that differ in their bytes, though not those within ASCII.
            return name.allSatisfy { $0 < 0x80 } ? .nothing : .unclear
        }
    }

    /// The text at a place that a value named.
    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}

/// Reads the words of a flat JSON object one after another.
private struct FlatScanner {
    private let bytes: [UInt8]
    private var position = 0
    /// Whether all texts so far were within ASCII.
    private(set) var isASCII = true

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while position < bytes.count, bytes[position].isBlank { position += 1 }
    }

    /// Whether nothing but blanks follows.
    var isAtEnd: Bool { bytes[position...].allSatisfy(\.isBlank) }

    /// Steps over `mark` and the blanks around it; false when something else stands here.
    mutating func takes(_ mark: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard byte == UInt8(ascii: mark) else { return false }
        position += 1
        skipBlanks()
        return true
    }

    /// What stands between two quotes.
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
        // With 18 digits nothing overflows. A negative zero is none as an integer.
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

    /// Whether the number goes on in a way that is not looked at here.
    private var isInNumber: Bool { byte.map { $0 | 0x20 == UInt8(ascii: "e") || $0 == UInt8(ascii: ".") } ?? false }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}

extension [UInt8] {
    fileprivate func isASCII(_ range: Range<Int>) -> Bool { self[range].allSatisfy { $0 < 0x80 } }
}
