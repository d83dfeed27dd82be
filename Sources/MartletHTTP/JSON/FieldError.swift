// An error in one field of a request, with its location.

import MartletJSON

/// An error in one field.
struct FieldError: Sendable, Hashable {
    /// The location: a JSON pointer into the body, `?name` for a path or query parameter, otherwise a header's name.
    var pointer: String
    /// What is wrong.
    var detail: String
    /// The line of the body from 1, when each line is a JSON value.
    var line: Int?
    /// Whether the field is unknown and resembles the name of a missing one.
    var isMisspelt = false

    /// The error in RFC 9457 form: the pointer as a URI fragment.
    var json: JSONOutput {
        let isParameter = pointer.hasPrefix("?")
        let isBody = pointer.isEmpty || pointer.hasPrefix("/")
        return .object([
            "pointer": isBody ? .string("#" + Self.fragment(pointer)) : nil,
            "parameter": isParameter ? .string(String(pointer.dropFirst())) : nil,
            "header": isBody || isParameter ? nil : .string(pointer),
            "line": line.map { .int($0) }, "detail": .string(detail),
        ])
    }

    /// The description of ``json``.
    static let shape = ObjectShape(
        "FieldError", "A fault of one field, with its place.",
        [
            .maybe("pointer", .text, "The place in the body: a JSON pointer as the fragment of a URI."),
            .maybe("parameter", .text, "The parameter of the path or the query."),
            .maybe("header", .text, "The header."),
            .maybe("line", .count, "The line of the body, from 1, where each line is a JSON value."),
            .always("detail", .text, "What is wrong and what is expected."),
        ])

    /// The same location with another message.
    func saying(_ detail: String) -> FieldError {
        var copy = self
        copy.detail = detail
        return copy
    }

    /// The same error on a line of the body.
    func on(line: Int?) -> FieldError {
        var copy = self
        copy.line = line
        return copy
    }

    /// The error as a sentence.
    var sentence: String {
        let place = pointer.isEmpty ? (line == nil ? "the body" : "the value") : pointer
        return line.map { "line \($0): \(place) \(detail)" } ?? "\(place) \(detail)"
    }

    /// A JSON pointer, escaped for a URI fragment.
    private static func fragment(_ pointer: String) -> String {
        let allowed = "/~-._!$&'()*+,;=:@?"
        var text = ""
        for byte in pointer.utf8 {
            let scalar = UnicodeScalar(byte)
            let isPlain = byte < 0x80 && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            if isPlain || allowed.utf8.contains(byte) {
                text.unicodeScalars.append(scalar)
            } else {
                text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }
}
