// Escapes and truncates log text: one entry is one line of bounded length, whatever it contains.

/// Escapes untrusted text in a log line.
enum LogText {
    /// The longest line in bytes, including its end.
    static let lineLimit = 8192
    /// The longest value in bytes, as written.
    static let valueLimit = 4096
    /// Marks truncated text.
    static let ellipsis: [UInt8] = Array("…".utf8)

    /// Appends `text` escaped, truncated at a character boundary to `limit` bytes; returns whether it is complete.
    static func append(_ text: String, to line: inout [UInt8], limit: Int, quotes: Bool) -> Bool {
        var text = text
        // Most texts need no escaping.
        let isAppended = text.withUTF8 { utf8 in
            guard utf8.count <= limit, utf8.allSatisfy({ isPlain($0, quotes: quotes) }) else { return false }
            line.append(contentsOf: utf8)
            return true
        }
        if isAppended { return true }
        let (bytes, isWhole) = escaped(text, limit: limit, quotes: quotes)
        line += bytes
        return isWhole
    }

    private static func isPlain(_ byte: UInt8, quotes: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): !quotes
        case 0x20..<0x7F: true
        default: false
        }
    }

    /// The escaped bytes of `text`, truncated at a character boundary to `limit` bytes, and whether they are complete.
    static func escaped(_ text: String, limit: Int, quotes: Bool) -> (bytes: [UInt8], isWhole: Bool) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(text.utf8.count, limit))
        // The last position at which the ellipsis fits.
        var cut = 0
        for scalar in text.unicodeScalars {
            append(scalar, to: &bytes, quotes: quotes)
            if bytes.count > limit {
                bytes.removeSubrange(cut...)
                return (limit >= ellipsis.count ? bytes + ellipsis : [], false)
            }
            if bytes.count + ellipsis.count <= limit { cut = bytes.count }
        }
        return (bytes, true)
    }

    private static func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8], quotes: Bool) {
        switch scalar {
        case "\"" where quotes: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\"")])
        case "\\" where quotes: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\\")])
        case "\n": bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
        case "\r": bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
        case "\t": bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
        default:
            if isDangerous(scalar) { return appendCode(scalar, to: &bytes) }
            bytes.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
        }
    }

    /// Characters that move the cursor, end a line, or change the text direction.
    private static func isDangerous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func appendCode(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
        let digits = String(scalar.value, radix: 16)
        bytes.append(contentsOf: "\\u".utf8)
        bytes.append(contentsOf: String(repeating: "0", count: 4 - digits.utf8.count).utf8)
        bytes.append(contentsOf: digits.utf8)
    }
}
