// A strict reader of the XML that our pictures are made of: elements, attributes, text and the five entities.

/// Whether a text is well-formed.
struct XMLShape {
    /// What is wrong, and where.
    struct Problem: Error {
        var what: String
        var before: String
    }

    private var rest: Substring
    private var open: [String] = []
    private var names: [String] = []

    /// The names of all elements, in the order in which they begin; throws what is wrong with the text.
    static func elements(_ text: String) throws -> [String] {
        var shape = XMLShape(rest: text[...])
        try shape.read()
        return shape.names
    }

    private mutating func read() throws {
        while !rest.isEmpty {
            if rest.hasPrefix("</") {
                let name = String(try take(upTo: ">").dropFirst(2))
                try check(open.popLast() == name, "</\(name)> ends nothing")
            } else if rest.hasPrefix("<") {
                try element()
            } else {
                let text = rest.prefix { $0 != "<" }
                try check(!open.isEmpty || text.allSatisfy(\.isWhitespace), "text outside of the root")
                try characters(text)
                rest = rest.dropFirst(text.count)
            }
        }
        try check(open.isEmpty && !names.isEmpty, "\(open) is open at the end")
    }

    private mutating func element() throws {
        try check(!open.isEmpty || names.isEmpty, "a second root")
        let tag = try take(upTo: ">").dropFirst()
        let isEmpty = tag.hasSuffix("/")
        var attributes = isEmpty ? tag.dropLast() : tag
        let name = attributes.prefix { $0.isLetter }
        try check(!name.isEmpty, "an element without a name")
        attributes = attributes.dropFirst(name.count)
        var seen: Set<Substring> = []
        while let match = attributes.prefixMatch(of: /\s+([a-zA-Z][a-zA-Z0-9:-]*)="([^"<]*)"/) {
            try check(seen.insert(match.1).inserted, "\(match.1) is there twice")
            try characters(match.2)
            attributes = attributes[match.range.upperBound...]
        }
        try check(attributes.allSatisfy(\.isWhitespace), "attributes: \(attributes)")
        names.append(String(name))
        if !isEmpty { open.append(String(name)) }
    }

    private func characters(_ text: Substring) throws {
        for scalar in text.unicodeScalars {
            try check(scalar.value >= 0x20 || scalar == "\n" || scalar == "\t", "a control character")
        }
        for piece in text.split(separator: "&", omittingEmptySubsequences: false).dropFirst() {
            let isEntity = ["amp;", "lt;", "gt;", "quot;", "apos;"].contains { piece.hasPrefix($0) }
            try check(isEntity, "&\(piece.prefix(8))")
        }
    }

    /// Takes what comes before `end`, and `end` with it.
    private mutating func take(upTo end: Character) throws -> Substring {
        guard let index = rest.firstIndex(of: end) else { throw Problem(what: "no \(end)", before: String(rest)) }
        defer { rest = rest[rest.index(after: index)...] }
        return rest[..<index]
    }

    private func check(_ holds: Bool, _ what: String) throws {
        guard holds else { throw Problem(what: what, before: String(rest.prefix(40))) }
    }
}
