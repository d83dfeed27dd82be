// A fault of one field of a request, and where in the request it is.

/// A fault of one field.
struct FieldError: Sendable, Hashable {
    /// Where it is: a JSON pointer into the body, `?name` for a parameter of the path or the query, else a header's name.
    var pointer: String
    /// What is wrong, in words.
    var detail: String
    /// The line of the body that the pointer points into, from 1, where each line is a JSON value of its own.
    var line: Int?
    /// Whether the field is unknown, and its name is nearly that of one that is missing.
    var isMisspelt = false

    /// The fault as RFC 9457 shows it: the pointer as the fragment of a URI.
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

    /// The same place with what is wrong there.
    func saying(_ detail: String) -> FieldError {
        var copy = self
        copy.detail = detail
        return copy
    }

    /// The same fault on a line of the body.
    func on(line: Int?) -> FieldError {
        var copy = self
        copy.line = line
        return copy
    }

    /// The fault in a sentence.
    var sentence: String {
        let place = pointer.isEmpty ? (line == nil ? "the body" : "the value") : pointer
        return line.map { "line \($0): \(place) \(detail)" } ?? "\(place) \(detail)"
    }

    /// A JSON pointer with all escaped that may not stand in a fragment.
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
