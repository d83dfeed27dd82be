// Reads JSON into values that keep how they were spelled.

extension JSONValue {
    /// Reads a text, which may spell what strict readers refuse: half of a surrogate pair, nesting of up to 512 levels.
    package init(_ bytes: some Sequence<UInt8>) throws(JSONSyntaxError) {
        let source = Array(bytes)
        let range = try JSONScanner.check(source, rules: .lenient)
        var reader = JSONTreeReader(JSONScanner(source, at: range.lowerBound, rules: .lenient))
        self = reader.value()
    }

    /// A text that is JSON, kept byte for byte without the space around it.
    package static func verbatim(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
        let range = try JSONScanner.check(bytes, rules: .lenient)
        return .spelled(String(decoding: bytes[range], as: UTF8.self))
    }
}

/// Builds the values of a text that was checked; so it nests no deeper than the check allows, and no fault can come.
private struct JSONTreeReader {
    private var scanner: JSONScanner

    init(_ scanner: JSONScanner) { self.scanner = scanner }

    /// The value at the cursor.
    mutating func value() -> JSONValue {
        scanner.skipSpace()
        switch scanner.byte {
        case UInt8(ascii: "["): return array()
        case UInt8(ascii: "{"): return object()
        default:
            let start = scanner.at
            try? scanner.skipValue()
            return .spelled(text(start..<scanner.at))
        }
    }

    private mutating func array() -> JSONValue {
        scanner.at += 1
        var items: [JSONValue] = []
        while !isAtEnd { items.append(value()) }
        return .array(items)
    }

    private mutating func object() -> JSONValue {
        scanner.at += 1
        var object = JSONObject()
        while !isAtEnd {
            let start = scanner.at
            try? scanner.skipKey()
            let end = scanner.source[start..<scanner.at].lastIndex(of: UInt8(ascii: "\"")) ?? start
            object.append(spelled: text(start + 1..<max(end, start + 1)), value())
        }
        return .object(object)
    }

    /// Steps over the end of a container (true), or to its next element (false).
    private var isAtEnd: Bool {
        mutating get {
            scanner.skipSpace()
            if scanner.byte == UInt8(ascii: ",") {
                scanner.at += 1
                scanner.skipSpace()
            }
            // A text that ends here was never checked; to go on would never end.
            switch scanner.byte {
            case UInt8(ascii: "]"), UInt8(ascii: "}"), nil:
                scanner.at += 1
                return true
            default: return false
            }
        }
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: scanner.source[range], as: UTF8.self) }
}
