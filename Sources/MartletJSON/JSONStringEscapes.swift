// The spelling of JSON strings: quotes, escapes, and characters that are unsafe for terminals.

import MartletJobs

/// Encodes and decodes JSON strings.
package enum JSONStringEscapes {
    /// A quoted and escaped string.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20: result += escape(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// The decoded string; `nil` when it is not a quoted string.
    package static func text(_ spelling: String) -> String? {
        guard spelling.utf8.count >= 2, spelling.utf8.first == quote, spelling.utf8.last == quote else { return nil }
        let inner = spelling.utf8.dropFirst().dropLast()
        guard inner.contains(backslash) else { return String(inner) }
        return unescaped(Array(inner))
    }

    /// The spelling with terminal control characters escaped; the value is unchanged.
    package static func harmless(_ spelling: String) -> String {
        if spelling.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return spelling }
        var result = ""
        for scalar in spelling.unicodeScalars {
            if !(0x20..<0x7F).contains(scalar.value), scalar.disturbsDisplay, !isSpace(scalar) {
                result += escape(scalar)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")

    /// Inside strings they are escaped already, so the remaining ones are between values.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\n" || scalar == "\r" || scalar == "\t"
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        String(scalar).utf16.reduce(into: "") { text, unit in
            let digits = String(unit, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }
    }

    /// The text of validated JSON; an unpaired surrogate becomes the replacement character.
    private static func unescaped(_ bytes: [UInt8]) -> String {
        var units: [UInt16] = []
        var rest = bytes[...]
        while let byte = rest.first {
            if byte == backslash {
                units.append(takeEscape(&rest))
            } else {
                let plain = rest.prefix { $0 != backslash }
                units += String(decoding: plain, as: UTF8.self).utf16
                rest = rest.dropFirst(plain.count)
            }
        }
        return String(decoding: units, as: UTF16.self)
    }

    private static func takeEscape(_ rest: inout ArraySlice<UInt8>) -> UInt16 {
        rest = rest.dropFirst()
        guard let kind = rest.popFirst() else { return 0xFFFD }
        switch kind {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"):
            let digits = String(decoding: rest.prefix(4), as: UTF8.self)
            rest = rest.dropFirst(4)
            return UInt16(digits, radix: 16) ?? 0xFFFD
        default: return UInt16(kind)
        }
    }
}
