// Generates flat payloads by seed: plain ones, ones at the limits, and nearly invalid ones.

import FaultInjection

/// Random values for payloads; the same seed gives the same payloads.
public struct PayloadDice {
    private var random: SeededRandom

    /// Creates the values of a seed.
    public init(seed: UInt64) { random = SeededRandom(seed) }

    /// A number below `limit`.
    public mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    /// True once in this many calls.
    public mutating func once(in count: Int) -> Bool { below(count) == 0 }

    /// One of `choices`.
    public mutating func one<Choice>(of choices: [Choice]) -> Choice { choices[below(choices.count)] }
}

// MARK: - Values

extension PayloadDice {
    /// An integer, often one at the limit of its kind.
    public mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number {
        switch below(6) {
        case 0: one(of: [0, 1, .max, .min])
        case 1: Number(truncatingIfNeeded: below(200) - 100)
        case 2: Number.max / 10
        case 3: Number.max >> Number(below(Number.bitWidth - 1))
        default: Number(truncatingIfNeeded: random.next())
        }
    }

    /// A number, rarely one that JSON cannot express.
    public mutating func double() -> Double {
        switch below(8) {
        case 0: Double(below(2000) - 1000)
        case 1: Double(below(2000) - 1000) / 8
        case 2: one(of: [0, -0.0, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, 0.1, 1e21])
        case 3: Double(UInt64(1) << UInt64(below(64))) + Double(below(3) - 1)
        case 4: Double(below(1_000_000_000)) / 1e6
        default: Double(bitPattern: random.next())
        }
    }

    /// A text with arbitrary characters, also those that JSON escapes, composed and decomposed.
    public mutating func text() -> String {
        let length = one(of: [0, 1, 2, 5, 15, 16, 40])
        let isSimple = once(in: 2)
        var scalars = String.UnicodeScalarView()
        for _ in 0..<length { scalars.append(isSimple ? simpleScalar() : anyScalar()) }
        return String(scalars)
    }

    private mutating func simpleScalar() -> Unicode.Scalar { Unicode.Scalar(UInt8(0x20 + below(0x5F))) }

    private mutating func anyScalar() -> Unicode.Scalar {
        switch below(5) {
        case 0: one(of: ["\"", "\\", "/", "\n", "\r", "\t", "\u{8}", "\u{C}", "\u{0}", "\u{1F}", "\u{7F}"])
        case 1:
            one(of: ["e", "\u{301}", "\u{E9}", "\u{212A}", "K", "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{200D}", "<"])
        case 2:
            one(of: ["\u{80}", "\u{7FF}", "\u{800}", "\u{FFFD}", "\u{FFFF}", "\u{10000}", "\u{10FFFF}", "\u{1F426}"])
        case 3: simpleScalar()
        default: Unicode.Scalar(UInt32(below(0x11_0000))) ?? "?"
        }
    }
}

// MARK: - JSON

extension PayloadDice {
    /// The text of an object with some of these fields, and missing, repeated, invalid and unknown ones.
    ///
    /// - Parameter names: the fields of the type to read, each with a valid value.
    public mutating func object(_ names: [(name: String, fitting: String)]) -> [UInt8] {
        var fields: [String] = []
        let isWild = once(in: 4)
        for (name, fitting) in names where !once(in: 12) {
            let value = isWild && once(in: 4) ? token() : fitting
            fields.append("\(blank())\"\(name)\"\(blank()):\(blank())\(value)\(blank())")
        }
        if once(in: 5) { fields.append("\(quoted(text())):\(token())") }
        if once(in: 20), let field = fields.first { fields.append(field) }
        if once(in: 8) { fields.append("\"\(one(of: names).name)\":\(token())") }
        for index in fields.indices.reversed() { fields.swapAt(index, below(index + 1)) }
        let text = "\(blank()){\(fields.joined(separator: ","))}\(blank())"
        return once(in: 5) ? broken(Array(text.utf8)) : Array(text.utf8)
    }

    private mutating func blank() -> String { once(in: 6) ? one(of: [" ", "\n", "\t", "\r\n", "  "]) : "" }

    /// A JSON value, or something similar.
    public mutating func token() -> String {
        switch below(10) {
        case 0: one(of: ["true", "false", "null", "True", "nul", "[]", "{}", "[1]", "{\"a\":1}", "", "'a'", "NaN"])
        case 1: double().description
        case 2: integer(Int64.self).description
        case 3: integer(UInt64.self).description
        case 4: number()
        case 5, 6: quoted(text())
        case 7: escaped()
        default: one(of: ["0", "-0", "0.0", "-0.0", "1", "-1", "127", "128", "255", "256", "-129", "65536", "1.5"])
        }
    }

    /// A quoted text without escapes.
    public mutating func quoted(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }), !once(in: 10) else {
            return "\"\(text)\""
        }
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20: result += "\\u00" + (scalar.value < 16 ? "0" : "") + hex(scalar.value)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private func hex(_ number: UInt32) -> String { String(number, radix: 16) }

    private mutating func escaped() -> String {
        let parts = (0...below(3)).map { _ in
            one(of: [
                "\\n", "\\/", "\\\"", "\\\\", "\\b", "\\u0041", "\\u00e9", "\\ud83d\\udc26", "\\ud83d", "\\udc26",
                "\\x",
                "\\u12", "\\u0000", "a", "\u{E9}", "\\", "\\uD83D\\u0041",
            ])
        }
        return "\"\(parts.joined())\""
    }

    /// Digits with signs, fractions and exponents, also invalid ones.
    private mutating func number() -> String {
        func digits(_ dice: inout PayloadDice) -> String {
            let count = dice.one(of: [0, 1, 1, 2, 3, 9, 17, 18, 19, 20, 25])
            return String((0..<count).map { _ in dice.one(of: Array("0123456789")) })
        }
        let sign = one(of: ["", "", "-", "+", "--"])
        let fraction = once(in: 2) ? "." + digits(&self) : ""
        let exponent =
            once(in: 4)
            ? one(of: ["e", "E"]) + one(of: ["", "+", "-"]) + one(of: ["", "0", "5", "22", "308", "400"]) : ""
        return sign + digits(&self) + fraction + exponent
    }

    /// The bytes with a mistake: truncated, changed, removed or inserted.
    private mutating func broken(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...below(2) {
            guard !bytes.isEmpty else { return bytes }
            let place = below(bytes.count)
            switch below(4) {
            case 0: bytes.removeSubrange(place...)
            case 1: bytes[place] = UInt8(below(256))
            case 2: bytes.remove(at: place)
            default: bytes.insert(one(of: Array("{}[],:\"\\-.0eE tfn\u{0}\u{E9}".utf8)), at: place)
            }
        }
        return bytes
    }
}
