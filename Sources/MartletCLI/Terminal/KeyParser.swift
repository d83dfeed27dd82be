// Turns the bytes that a terminal sends into keys; pure.

/// A key that was pressed.
enum Key: Sendable, Hashable {
    /// A visible character, or a space.
    case character(Character)
    case enter, escape, tab, backspace, up, down, left, right, home, end, pageUp, pageDown
    /// Ctrl-L, which draws the screen again.
    case redraw
    /// Ctrl-U, which empties a line of input.
    case erase
}

/// Turns bytes into keys, whose sequences may arrive in parts.
struct KeyParser: Sendable {
    /// The longest sequence; longer ones are dropped.
    private static let longest = 32

    private var pending: [UInt8] = []

    /// Whether bytes wait for the rest of their sequence; if none follows, call ``flush()``.
    var isWaiting: Bool { !pending.isEmpty }

    /// Takes bytes, and returns the keys that are complete.
    mutating func take(_ bytes: some Sequence<UInt8>) -> [Key] {
        var keys: [Key] = []
        for byte in bytes {
            pending.append(byte)
            switch Self.reading(pending) {
            case .incomplete: if pending.count >= Self.longest { pending = [] }
            case .key(let key):
                if let key { keys.append(key) }
                pending = []
            }
        }
        return keys
    }

    /// Returns the key of a sequence that ended early: a lone escape byte is the Escape key.
    mutating func flush() -> Key? {
        defer { pending = [] }
        return pending == [0x1B] ? .escape : nil
    }

    private enum Reading {
        case incomplete
        /// A whole sequence; without a key if it means nothing here.
        case key(Key?)
    }

    private static func reading(_ bytes: [UInt8]) -> Reading {
        switch bytes[0] {
        case 0x1B: escaped(bytes)
        case 0x0D, 0x0A: .key(.enter)
        case 0x09: .key(.tab)
        case 0x7F, 0x08: .key(.backspace)
        case 0x0C: .key(.redraw)
        case 0x15: .key(.erase)
        case 0x20...0x7E: .key(.character(Character(Unicode.Scalar(bytes[0]))))
        case 0xC2...0xF4: character(bytes)
        default: .key(nil)
        }
    }

    /// A character of several bytes in UTF-8.
    private static func character(_ bytes: [UInt8]) -> Reading {
        let count = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : 2
        guard bytes.count >= count else { return .incomplete }
        guard let text = String(validating: bytes, as: UTF8.self), text.count == 1, let first = text.first else {
            return .key(nil)
        }
        return .key(.character(first))
    }

    /// A sequence that begins with Escape: `ESC [ … letter`, `ESC O letter`, or Alt with a key, which means nothing here.
    private static func escaped(_ bytes: [UInt8]) -> Reading {
        guard bytes.count > 1 else { return .incomplete }
        guard bytes[1] == UInt8(ascii: "[") || bytes[1] == UInt8(ascii: "O") else { return .key(nil) }
        guard bytes.count > 2, let last = bytes.last, (0x40...0x7E).contains(last) else { return .incomplete }
        let middle = String(decoding: bytes[2..<(bytes.count - 1)], as: UTF8.self)
        if last == UInt8(ascii: "~") { return .key(numbered[middle]) }
        return .key(bytes.count == 3 ? lettered[last] : nil)
    }

    private static let lettered: [UInt8: Key] = [
        UInt8(ascii: "A"): .up, UInt8(ascii: "B"): .down, UInt8(ascii: "C"): .right, UInt8(ascii: "D"): .left,
        UInt8(ascii: "H"): .home, UInt8(ascii: "F"): .end,
    ]

    private static let numbered: [String: Key] = [
        "1": .home, "4": .end, "5": .pageUp, "6": .pageDown, "7": .home, "8": .end,
    ]
}
