// A JSON value as received: validated, stored as text, decoded on demand.

/// A value within validated JSON text.
package struct JSONText: Sendable {
    /// The type of the value.
    package enum Kind: String, Sendable {
        case object, array, string, number, bool, null

        /// The type with its article, for messages.
        package var spoken: String {
            switch self {
            case .object, .array: "an \(rawValue)"
            case .string, .number: "a \(rawValue)"
            case .bool: "true or false"
            case .null: "null"
            }
        }
    }

    private let source: [UInt8]
    private let range: Range<Int>

    /// Checks a text; it must hold exactly one value.
    package init(_ source: [UInt8]) throws(JSONSyntaxError) {
        range = try JSONScanner.check(source)
        self.source = source
    }

    private init(_ source: [UInt8], _ range: Range<Int>) {
        self.source = source
        self.range = range
    }

    /// A cursor at the value's first byte.
    package var scanner: JSONScanner { JSONScanner(source, at: range.lowerBound) }

    /// The value's bytes as received.
    package var bytes: [UInt8] { Array(source[range]) }

    /// The number of bytes.
    package var count: Int { range.count }

    /// The type of the value.
    package var kind: Kind {
        switch source[range.lowerBound] {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    /// The Boolean, if it is one.
    package var bool: Bool? { kind == .bool ? source[range.lowerBound] == UInt8(ascii: "t") : nil }

    /// The number as written, if it is one.
    package var number: String? { kind == .number ? String(decoding: source[range], as: UTF8.self) : nil }

    /// The integer, if it is a number without a fraction, however it is spelled: `48`, `48.0` and `4.8e1` are the same.
    package var integer: Int? { number.flatMap(Int.init(json:)) }

    /// The decoded string, if it is one.
    package var string: String? {
        kind == .string ? Self.unescaped(source[(range.lowerBound + 1)..<(range.upperBound - 1)]) : nil
    }

    /// The elements, if it is an array.
    package var elements: [JSONText]? { elements(atMost: .max) }

    /// The first elements, if it is an array; those beyond `limit` are not read.
    package func elements(atMost limit: Int) -> [JSONText]? {
        guard kind == .array else { return nil }
        var scanner = JSONScanner(source, at: range.lowerBound + 1)
        var elements: [JSONText] = []
        while elements.count < limit, let value = next(&scanner, until: UInt8(ascii: "]")) { elements.append(value) }
        return elements
    }

    /// The members in order, including duplicates, if it is an object.
    package var members: [(key: String, value: JSONText)]? { members(atMost: .max) }

    /// The first members, if it is an object; those beyond `limit` are not read.
    package func members(atMost limit: Int) -> [(key: String, value: JSONText)]? {
        guard kind == .object else { return nil }
        var scanner = JSONScanner(source, at: range.lowerBound + 1)
        var members: [(key: String, value: JSONText)] = []
        while members.count < limit, let key = Self.nextKey(&scanner) {
            guard let value = next(&scanner, until: UInt8(ascii: "}")) else { break }
            members.append((key, value))
        }
        return members
    }

    /// Skips the next key of an object and its colon; `nil` at the end of the object.
    package static func nextKey(_ scanner: inout JSONScanner) -> String? {
        scanner.skipSpace()
        if scanner.byte == UInt8(ascii: ",") { scanner.at += 1 }
        scanner.skipSpace()
        let start = scanner.at
        guard scanner.byte == UInt8(ascii: "\""), (try? scanner.skipKey()) != nil else { return nil }
        let quoted = scanner.source[(start + 1)..<scanner.at]
        let end = quoted.lastIndex(of: UInt8(ascii: "\"")) ?? quoted.startIndex
        return unescaped(scanner.source[(start + 1)..<end])
    }

    // The text was validated, so this cannot throw; `nil` means the end of the container.
    private func next(_ scanner: inout JSONScanner, until closing: UInt8) -> JSONText? {
        scanner.skipSpace()
        if scanner.byte == UInt8(ascii: ",") { scanner.at += 1 }
        scanner.skipSpace()
        let start = scanner.at
        guard scanner.byte != closing, (try? scanner.skipValue()) != nil else { return nil }
        return JSONText(source, start..<scanner.at)
    }

    /// The decoded text of a quoted string.
    package static func unescaped(_ quoted: ArraySlice<UInt8>) -> String {
        guard quoted.contains(UInt8(ascii: "\\")) else { return String(decoding: quoted, as: UTF8.self) }
        var units: [UInt16] = []
        var rest = Substring(decoding: quoted, as: UTF8.self).utf16[...]
        while let unit = rest.popFirst() {
            guard unit == UInt16(UInt8(ascii: "\\")), let escape = rest.popFirst() else {
                units.append(unit)
                continue
            }
            switch UInt8(truncatingIfNeeded: escape) {
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "r"): units.append(0x0D)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"):
                units.append(UInt16(String(decoding: rest.prefix(4), as: UTF16.self), radix: 16) ?? 0xFFFD)
                rest = rest.dropFirst(4)
            default: units.append(escape)
            }
        }
        return String(decoding: units, as: UTF16.self)
    }
}

extension Int {
    /// The integer that a number of JSON stands for; `nil` for a fraction and for what a double cannot hold exactly.
    package init?(json number: String) {
        if let integer = Int(number) {
            self = integer
            return
        }
        guard let double = Double(number), abs(double) <= 0x1p53, let integer = Int(exactly: double) else { return nil }
        self = integer
    }
}
