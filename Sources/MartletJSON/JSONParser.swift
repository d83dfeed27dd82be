// Parses JSON and preserves the spelling of each value.

/// Why a text is not JSON.
package struct JSONParseError: Error, Equatable {
    /// What is wrong, phrased as the end of a sentence.
    package var reason: String
    /// The position of the byte, from 1.
    package var place: Int
}

extension JSONValue {
    /// Parses a text.
    package init(_ bytes: some Sequence<UInt8>) throws(JSONParseError) {
        var parser = try JSONParser(Array(bytes))
        self = try parser.whole()
    }

    /// A text that is JSON, kept byte for byte without the space around it.
    package static func verbatim(_ bytes: [UInt8]) throws(JSONParseError) -> JSONValue {
        _ = try JSONValue(bytes)
        let isSpace: (UInt8) -> Bool = { JSONParser.spaces.contains($0) }
        let inner = bytes.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        return .spelled(String(decoding: Array(inner), as: UTF8.self))
    }
}

/// A cursor over JSON text with its own stack, so that nesting cannot exhaust the thread's.
private struct JSONParser {
    static let depthLimit = 512
    static let spaces: [UInt8] = [0x20, 0x0A, 0x0D, 0x09]

    /// An open array or object.
    private struct Container {
        var items: [JSONValue] = []
        var object: JSONObject?
        /// The name of the next value's field.
        var name = ""

        var value: JSONValue { object.map(JSONValue.object) ?? .array(items) }

        mutating func append(_ value: JSONValue) {
            if object == nil { items.append(value) } else { object?.append(spelled: name, value) }
        }
    }

    private let bytes: [UInt8]
    private var at = 0
    private var open: [Container] = []

    init(_ bytes: [UInt8]) throws(JSONParseError) {
        self.bytes = bytes
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw JSONParseError(reason: "it holds bytes that are not UTF-8", place: 1)
        }
    }

    private var byte: UInt8? { at < bytes.count ? bytes[at] : nil }

    private func fault(_ reason: String) -> JSONParseError { JSONParseError(reason: reason, place: at + 1) }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    /// Parses exactly one value.
    mutating func whole() throws(JSONParseError) -> JSONValue {
        while true {
            guard var value = try begin() else { continue }
            while !open.isEmpty, let closed = try add(value) { value = closed }
            guard open.isEmpty else { continue }
            skipSpace()
            guard at == bytes.count else { throw fault("something follows the value") }
            return value
        }
    }

    /// Parses a scalar or empty container; `nil` after entering a container.
    private mutating func begin() throws(JSONParseError) -> JSONValue? {
        skipSpace()
        switch byte {
        case UInt8(ascii: "["):
            try enter()
            if take(UInt8(ascii: "]")) { return .array([]) }
            open.append(Container())
            return nil
        case UInt8(ascii: "{"):
            try enter()
            if take(UInt8(ascii: "}")) { return .object([:]) }
            open.append(Container(object: [:], name: try fieldName()))
            return nil
        default: return .spelled(try scalar())
        }
    }

    private mutating func enter() throws(JSONParseError) {
        guard open.count < Self.depthLimit else { throw fault("it is nested deeper than \(Self.depthLimit) levels") }
        at += 1
    }

    /// Adds a value to the innermost container; returns the container when it ends here, `nil` when more values follow.
    private mutating func add(_ value: JSONValue) throws(JSONParseError) -> JSONValue? {
        let last = open.count - 1
        open[last].append(value)
        let isObject = open[last].object != nil
        if take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return open.removeLast().value }
        guard take(UInt8(ascii: ",")) else { throw fault("a comma or \(isObject ? "}" : "]") should stand there") }
        if isObject { open[last].name = try fieldName() }
        return nil
    }

    /// The spelling of a field's name; consumes the colon after it.
    private mutating func fieldName() throws(JSONParseError) -> String {
        skipSpace()
        guard byte == UInt8(ascii: "\"") else { throw fault("the name of a field in double quotes should stand there") }
        let name = try quoted()
        guard take(UInt8(ascii: ":")) else { throw fault("a colon should stand there") }
        return String(name.dropFirst().dropLast())
    }

    private mutating func skipSpace() { while let byte, Self.spaces.contains(byte) { at += 1 } }

    /// Consumes a byte and the whitespace before it, if present.
    private mutating func take(_ wanted: UInt8) -> Bool {
        skipSpace()
        guard byte == wanted else { return false }
        at += 1
        return true
    }
}

// MARK: - Scalars

extension JSONParser {
    private mutating func scalar() throws(JSONParseError) -> String {
        guard let byte else { throw fault("it ends where a value should stand") }
        switch byte {
        case UInt8(ascii: "\""): return try quoted()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: return try word()
        }
    }

    private mutating func word() throws(JSONParseError) -> String {
        for word in ["null", "true", "false"] where bytes[at...].starts(with: word.utf8) {
            at += word.utf8.count
            return word
        }
        throw fault("a value should stand there")
    }

    private mutating func number() throws(JSONParseError) -> String {
        let start = at
        if byte == UInt8(ascii: "-") { at += 1 }
        if byte == UInt8(ascii: "0") { at += 1 } else { try digits() }
        if byte == UInt8(ascii: ".") {
            at += 1
            try digits()
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            at += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        return text(start..<at)
    }

    private mutating func digits() throws(JSONParseError) {
        let start = at
        while let byte, (0x30...0x39).contains(byte) { at += 1 }
        guard at > start else { throw fault("a digit should stand there") }
    }

    private mutating func quoted() throws(JSONParseError) -> String {
        let start = at
        at += 1
        while let byte {
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return text(start..<at)
            case UInt8(ascii: "\\"): try escape()
            case ..<0x20: throw fault("a text holds a control character")
            default: at += 1
            }
        }
        throw fault("a text has no end")
    }

    private mutating func escape() throws(JSONParseError) {
        at += 1
        switch byte {
        case UInt8(ascii: "u"):
            let digits = bytes[min(at + 1, bytes.count)...].prefix(4)
            guard digits.count == 4, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else {
                throw fault("four hexadecimal digits should follow")
            }
            at += 5
        case let byte? where "\"\\/bfnrt".utf8.contains(byte): at += 1
        default: throw fault("a text has an unknown escape")
        }
    }
}
