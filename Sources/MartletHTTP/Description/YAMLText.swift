// Writes JSON values as YAML 1.2 in block style.

import MartletJSON

/// A JSON value as YAML.
enum YAMLText {
    /// The text of a document.
    static func of(_ value: JSONValue) -> String {
        var text = ""
        append(value, margin: "", to: &text)
        return text + "\n"
    }

    /// Appends a value behind a key, a dash or nothing.
    private static func append(_ value: JSONValue, margin: String, to text: inout String) {
        switch value {
        case .object(let object) where !object.fields.isEmpty:
            for (index, field) in object.fields.enumerated() {
                if index > 0 { text += "\n" + margin }
                text += key(field.name) + ":"
                appendMember(field.value, margin: margin + "  ", to: &text)
            }
        case .array(let items) where !items.isEmpty:
            for (index, item) in items.enumerated() {
                text += (index > 0 ? "\n" + margin : "") + "- "
                append(item, margin: margin + "  ", to: &text)
            }
        default: text += scalar(value, margin: margin)
        }
    }

    /// Appends the value of a key: on the same line, or below it.
    private static func appendMember(_ value: JSONValue, margin: String, to text: inout String) {
        let isBlock = !(value.object?.fields.isEmpty ?? true) || !(value.array?.isEmpty ?? true)
        text += isBlock ? "\n" + margin : " "
        append(value, margin: margin, to: &text)
    }

    private static func key(_ name: String) -> String { isPlain(name, besides: "_-") ? name : quoted(name) }

    private static func scalar(_ value: JSONValue, margin: String) -> String {
        // JSON on one line is YAML too.
        guard let text = value.string else { return value.line }
        if isPlain(text, besides: "_-./ ") { return text }
        return isBlock(text) ? "|-\n" + lines(text, margin) : quoted(text)
    }

    /// Whether a text can stand without quotes: letters, digits and some marks, and no word with another meaning.
    private static func isPlain(_ text: String, besides marks: String) -> Bool {
        guard let first = text.utf8.first, isLetter(first), text.utf8.last != UInt8(ascii: " ") else { return false }
        let isSafe = text.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || marks.utf8.contains($0) }
        return isSafe && !words.contains(text.lowercased())
    }

    private static let words: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"]

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

    /// Whether a text has several lines that can stand as they are.
    private static func isBlock(_ text: String) -> Bool {
        text.contains("\n") && text.last != "\n" && text.first.map { $0 != " " && $0 != "\n" } ?? false
            && text.unicodeScalars.allSatisfy { $0 == "\n" || (0x20...0x7E).contains($0.value) }
    }

    private static func lines(_ text: String, _ margin: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : margin + $0 }
            .joined(separator: "\n")
    }

    private static func quoted(_ text: String) -> String { JSONValue.string(text).line }
}
