// Scans JSON text without building values: validates it and finds the end of each value.

/// Why a text is not valid JSON.
package struct JSONSyntaxError: Error, Equatable {
    /// What is wrong.
    package var reason: String
    /// The byte offset of the error.
    package var offset: Int
}

/// A cursor over JSON text.
///
/// It keeps its own stack of open containers, so nesting cannot exhaust the thread's.
package struct JSONScanner {
    /// What is accepted beyond dispute, or as far as it can be read.
    package struct Rules {
        /// The deepest nesting.
        package var depthLimit: Int
        /// Whether half a surrogate pair, which is no character, may be spelled in a string.
        package var allowsHalfPairs = false

        /// For requests: parsers agree on what is accepted.
        package static let strict = Rules(depthLimit: 128)
        /// For answers of servers, which are shown whatever they hold.
        package static let lenient = Rules(depthLimit: 512, allowsHalfPairs: true)
    }

    package let source: [UInt8]
    package var at: Int
    private let rules: Rules

    package init(_ source: [UInt8], at: Int = 0, rules: Rules = .strict) {
        self.source = source
        self.at = at
        self.rules = rules
    }

    /// Checks a text, which must hold exactly one value in UTF-8; where the value is.
    package static func check(_ source: [UInt8], rules: Rules = .strict) throws(JSONSyntaxError) -> Range<Int> {
        guard (try? UTF8Span(validating: source.span)) != nil else {
            throw JSONSyntaxError(reason: "is not UTF-8", offset: 0)
        }
        var scanner = JSONScanner(source, rules: rules)
        scanner.skipSpace()
        let start = scanner.at
        try scanner.skipValue()
        let end = scanner.at
        scanner.skipSpace()
        guard scanner.byte == nil else { throw scanner.fault("goes on after its value") }
        return start..<end
    }

    package var byte: UInt8? { at < source.count ? source[at] : nil }

    package func fault(_ reason: String) -> JSONSyntaxError { JSONSyntaxError(reason: reason, offset: at) }

    package mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    /// Skips one value.
    package mutating func skipValue() throws(JSONSyntaxError) {
        var open: [UInt8] = []
        while true {
            skipSpace()
            if try enterContainer(&open) { continue }
            while true {
                guard let closing = open.last else { return }
                skipSpace()
                if byte == UInt8(ascii: ",") {
                    at += 1
                    if closing == UInt8(ascii: "}") { try skipKey() }
                    break
                }
                guard byte == closing else { throw fault("expected a comma or the end of the list or object") }
                at += 1
                open.removeLast()
            }
        }
    }

    /// Enters a non-empty container (true), or skips a scalar or empty container (false).
    private mutating func enterContainer(_ open: inout [UInt8]) throws(JSONSyntaxError) -> Bool {
        guard let byte else { throw fault("ends where a value should stand") }
        guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") else {
            try skipScalar(byte)
            return false
        }
        guard open.count < rules.depthLimit else { throw fault("is nested deeper than \(rules.depthLimit) levels") }
        let closing = byte + 2
        at += 1
        skipSpace()
        if self.byte == closing {
            at += 1
            return false
        }
        open.append(closing)
        if closing == UInt8(ascii: "}") { try skipKey() }
        return true
    }

    private mutating func skipScalar(_ byte: UInt8) throws(JSONSyntaxError) {
        switch byte {
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber()
        case UInt8(ascii: "t"): try skipWord("true")
        case UInt8(ascii: "f"): try skipWord("false")
        case UInt8(ascii: "n"): try skipWord("null")
        default: throw fault("contains an invalid value")
        }
    }

    /// Skips a key and its colon.
    package mutating func skipKey() throws(JSONSyntaxError) {
        skipSpace()
        guard byte == UInt8(ascii: "\"") else { throw fault("expected a key in double quotes") }
        try skipString()
        skipSpace()
        guard byte == UInt8(ascii: ":") else { throw fault("expected a colon") }
        at += 1
    }

    private mutating func skipWord(_ word: StaticString) throws(JSONSyntaxError) {
        let matches = word.withUTF8Buffer { source[at...].starts(with: $0) }
        guard matches else { throw fault("contains an invalid value") }
        at += word.utf8CodeUnitCount
    }

    private mutating func skipNumber() throws(JSONSyntaxError) {
        if byte == UInt8(ascii: "-") { at += 1 }
        if byte == UInt8(ascii: "0") { at += 1 } else { try skipDigits() }
        if byte == UInt8(ascii: ".") {
            at += 1
            try skipDigits()
        }
        guard byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") else { return }
        at += 1
        if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { at += 1 }
        try skipDigits()
    }

    private mutating func skipDigits() throws(JSONSyntaxError) {
        let start = at
        while let byte, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
        guard at > start else { throw fault("has a number without digits") }
    }

    private mutating func skipString() throws(JSONSyntaxError) {
        at += 1
        while true {
            at = endOfPlainText(from: at)
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return
            case UInt8(ascii: "\\"): try skipEscape()
            case nil: throw fault("has a string without an end")
            default: throw fault("has a control character in a string")
            }
        }
    }

    /// The first position at which a string ends, has an escape, or is invalid; most bytes are inside strings.
    private func endOfPlainText(from start: Int) -> Int {
        source.withUnsafeBufferPointer { bytes in
            var place = start
            while place < bytes.count, Self.isPlain(bytes[place]) { place += 1 }
            return place
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private mutating func skipEscape() throws(JSONSyntaxError) {
        at += 1
        guard let byte else { throw fault("has a string without an end") }
        guard byte == UInt8(ascii: "u") else {
            guard "\"\\/bfnrt".utf8.contains(byte) else { throw fault("has an unknown escape in a string") }
            at += 1
            return
        }
        let unit = try hexUnit()
        guard (0xD800..<0xE000).contains(unit), !rules.allowsHalfPairs else { return }
        // An unpaired surrogate is not a character; parsers disagree on it.
        guard unit < 0xDC00, self.byte == UInt8(ascii: "\\") else { throw fault("has half a surrogate pair") }
        at += 1
        guard self.byte == UInt8(ascii: "u"), (0xDC00..<0xE000).contains(try hexUnit()) else {
            throw fault("has half a surrogate pair")
        }
    }

    /// Skips `uXXXX`.
    private mutating func hexUnit() throws(JSONSyntaxError) -> Int {
        guard at + 4 < source.count,
            let unit = Int(String(decoding: source[(at + 1)...(at + 4)], as: UTF8.self), radix: 16),
            source[(at + 1)...(at + 4)].allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
        else { throw fault("has a broken escape in a string") }
        at += 5
        return unit
    }
}
