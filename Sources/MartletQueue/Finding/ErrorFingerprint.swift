// Fingerprints of errors: errors that differ only in numbers, ids and quoted texts have the same one.

import Crypto
import MartletJobs

/// A short hash of what an error says.
///
/// It depends on the first line of the error, in which numbers, ids and quoted texts are replaced. So
/// `order 4711 timed out` and `order 12 timed out` have the same fingerprint. It is the same in every process and version.
///
/// ```swift
/// let fingerprint = ErrorFingerprint.of("order 4711 timed out")
/// print(fingerprint == ErrorFingerprint.of("order 12 timed out"))  // true
/// ```
public enum ErrorFingerprint {
    /// How many hexadecimal digits a fingerprint has.
    public static let length = 12
    /// How much of a line counts, in bytes.
    private static let longest = 1024

    /// The fingerprint of an error.
    ///
    /// - Parameter error: the error's text.
    /// - Returns: 12 hexadecimal digits in lower case.
    public static func of(_ error: String) -> String {
        Hex.text(of: SHA256.hash(data: normalised(error)).prefix(length / 2))
    }

    /// Whether a text has the form of a fingerprint.
    ///
    /// - Parameter text: the text.
    /// - Returns: true for 12 hexadecimal digits in lower case.
    public static func isValid(_ text: String) -> Bool {
        text.utf8.count == length
            && text.utf8.allSatisfy { isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }

    /// The first line that is not blank, with `#` for numbers and ids, and `""` for quoted texts.
    static func normalised(_ error: String) -> [UInt8] {
        let lines = error.utf8.lazy.split { $0 == 0x0A || $0 == 0x0D }
        let line = lines.first { !$0.allSatisfy(isSpace) }.map { Array($0.prefix(longest)) } ?? []
        var result: [UInt8] = []
        var at = 0
        while at < line.count {
            if isSpace(line[at]) {
                if result.last != 0x20, !result.isEmpty { result.append(0x20) }
                at += 1
            } else if let end = endOfQuote(line, at) {
                result += Array("\"\"".utf8)
                at = end
            } else if isWord(line[at]) {
                let end = endOfWord(line, at)
                if isVariable(line[at..<end]) { result.append(UInt8(ascii: "#")) } else { result += line[at..<end] }
                at = end
            } else {
                result.append(line[at])
                at += 1
            }
        }
        if result.last == 0x20 { result.removeLast() }
        return result
    }

    /// Where a quoted text that starts here ends, if one does.
    ///
    /// An apostrophe within a word is no quotation mark.
    private static func endOfQuote(_ line: [UInt8], _ start: Int) -> Int? {
        let mark = line[start]
        guard mark == UInt8(ascii: "\"") || mark == UInt8(ascii: "'") || mark == UInt8(ascii: "`"),
            start == 0 || !isWord(line[start - 1])
        else { return nil }
        let isEnd = { (at: Int) in line[at] == mark && (at + 1 == line.count || !isWord(line[at + 1])) }
        return ((start + 1)..<line.count).first(where: isEnd).map { $0 + 1 }
    }

    /// Where a word ends; hyphens and underscores join its parts, as in UUIDs, and points join digits.
    private static func endOfWord(_ line: [UInt8], _ start: Int) -> Int {
        var at = start + 1
        while at < line.count {
            if isWord(line[at]) {
                at += 1
            } else if at + 1 < line.count, joins(line[at], line[at - 1], line[at + 1]) {
                at += 2
            } else {
                break
            }
        }
        return at
    }

    private static func joins(_ byte: UInt8, _ left: UInt8, _ right: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "_"): isWord(right)
        case UInt8(ascii: "."): isDigit(left) && isDigit(right)
        default: false
        }
    }

    /// Whether a word is a number or an id: it has a digit, or is a long hexadecimal number.
    private static func isVariable(_ word: ArraySlice<UInt8>) -> Bool {
        word.contains(where: isDigit) || (word.count >= 8 && word.allSatisfy { Hex.digit($0) != nil })
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte >= 0x80
    }
}

extension JobRecord {
    /// The ``ErrorFingerprint`` of its last error; `nil` without an error.
    public var errorFingerprint: String? { error.map(ErrorFingerprint.of) }
}
