// A text that is searched for in other texts, whether its letters are small or capital there.

/// A text to search for, regardless of case.
///
/// ASCII is compared byte by byte. A text with other letters is compared in the lower case that Unicode defines.
struct TextPattern {
    private let bytes: [UInt8]
    private let isASCII: Bool

    init(_ text: String) {
        bytes = Array(text.lowercased().utf8)
        isASCII = bytes.allSatisfy { $0 < 0x80 }
    }

    /// Whether a text contains it.
    func isIn(_ text: String) -> Bool { isIn(Array(text.utf8)) }

    /// Whether the UTF-8 text contains it; bytes that are no UTF-8 match nothing but themselves.
    func isIn(_ text: [UInt8]) -> Bool {
        guard !isASCII, !text.allSatisfy({ $0 < 0x80 }) else { return text.withUnsafeBufferPointer(isIn) }
        return Array(String(decoding: text, as: UTF8.self).lowercased().utf8).withUnsafeBufferPointer(isIn)
    }

    private func isIn(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = bytes.first else { return true }
        guard text.count >= bytes.count else { return false }
        for start in 0...(text.count - bytes.count) where Self.lower(text[start]) == first {
            if matches(text, at: start) { return true }
        }
        return false
    }

    private func matches(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> Bool {
        for offset in bytes.indices.dropFirst() where Self.lower(text[start + offset]) != bytes[offset] { return false }
        return true
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
