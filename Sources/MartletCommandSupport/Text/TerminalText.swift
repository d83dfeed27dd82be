// Escapes characters that could control a terminal or reorder a line.

import MartletJobs

/// Makes external text safe for a terminal.
package enum TerminalText {
    /// Whether a character is escaped; see `disturbsDisplay`.
    package static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        !(0x20..<0x7F).contains(scalar.value) && scalar.disturbsDisplay
    }

    /// The text with every unsafe character as an escape such as `\u{9b}`; line ends and tabs are kept.
    package static func clean(_ text: String) -> String {
        spelled(text) { scalar in scalar == "\n" || scalar == "\t" ? String(scalar) : nil }
    }

    /// The same on one line: line ends and tabs become spaces.
    package static func oneLine(_ text: String) -> String {
        spelled(text) { scalar in
            switch scalar {
            case "\n", "\t": " "
            case "\r": ""
            default: nil
            }
        }
    }

    /// Escapes unsafe characters; `exception` overrides the spelling of some.
    private static func spelled(_ text: String, _ exception: (Unicode.Scalar) -> String?) -> String {
        // Most texts need no escaping.
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isUnsafe(scalar) {
                result += exception(scalar) ?? scalar.visibleEscape
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension StringProtocol {
    /// The number of terminal columns: two for wide characters, none for combining marks.
    package var columns: Int {
        if utf8.allSatisfy({ $0 < 0x80 }) { return utf8.count }
        return reduce(0) { $0 + $1.columns }
    }

    /// The text with spaces behind it, so that it fills the given number of columns; a longer text stays as it is.
    package func padded(columns width: Int) -> String {
        String(self) + String(repeating: " ", count: Swift.max(0, width - columns))
    }

    /// The text without the spaces at its end.
    package var withoutTrailingSpaces: String {
        var rest = self[...]
        while rest.last == " " { rest.removeLast() }
        return String(rest)
    }

    /// The longest prefix that fits the given number of columns.
    package func prefix(columns limit: Int) -> SubSequence {
        var used = 0
        return prefix { character in
            used += character.columns
            return used <= limit
        }
    }
}

extension Character {
    /// The number of terminal columns of the character.
    fileprivate var columns: Int {
        guard let first = unicodeScalars.first else { return 0 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: break
        }
        if unicodeScalars.contains(where: { $0.properties.isEmojiPresentation || $0.value == 0xFE0F }) { return 2 }
        return Self.isWide(first.value) ? 2 : 1
    }

    /// The blocks of East Asian wide and full-width characters (Unicode Standard Annex 11).
    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
            true
        default: false
        }
    }
}
