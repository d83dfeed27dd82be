// Rules for file names that stay within their directory on every system and leave space for a part file's suffix.

enum FileNames {
    /// The longest name in bytes, so that `.<name>.<id>.<claims>-<nonce>.part` fits the 255 bytes of a file system.
    static let longest = 90
    private static let fallback = "download"

    /// Validates an external name; refuses names that could leave the directory, hide, or be misread.
    static func checked(_ text: String) throws(DownloadRuleError) -> String {
        let field = "filename"
        guard !text.isEmpty else { throw DownloadRuleError(field: field, message: "must not be empty") }
        guard !text.unicodeScalars.contains(where: isSeparator) else {
            throw DownloadRuleError(field: field, message: "must be a plain name without slashes or backslashes")
        }
        guard !text.unicodeScalars.contains(where: isInvisible) else {
            throw DownloadRuleError(field: field, message: "must not contain control or invisible characters")
        }
        guard !text.unicodeScalars.contains(where: isDotLike) else {
            throw DownloadRuleError(field: field, message: "must not contain characters that look like dots")
        }
        // A combining mark changes a character visually, but not for file systems.
        guard text.unicodeScalars.first != "." else {
            throw DownloadRuleError(field: field, message: "must not begin with a dot")
        }
        guard !text.allSatisfy(\.isWhitespace) else {
            throw DownloadRuleError(field: field, message: "must not be blank")
        }
        guard !isReserved(text) else {
            throw DownloadRuleError(field: field, message: "must not be a device name such as CON, NUL or COM1")
        }
        let name = cut(text)
        // Truncation may remove what distinguished the name from a device name.
        guard !isReserved(name), !name.allSatisfy(\.isWhitespace) else {
            throw DownloadRuleError(field: field, message: "must not be blank or a device name once it is cut")
        }
        return name
    }

    /// A name from the last path segment of the URL; never empty.
    static func derived(from url: DownloadURL) -> String { cleaned(url.lastPathSegment ?? fallback) }

    /// A name for a track; contains the track's id, so that two tracks never share a name.
    static func derived(from url: DownloadURL, track: String) -> String {
        let id = cleaned(track)
        let name = cleaned(url.lastPathSegment ?? "")
        if name == fallback { return id }
        if contains(name, id) { return name }
        return cut("\(id)-\(name)")
    }

    /// Truncates to 90 bytes at a character boundary; keeps a short extension.
    static func cut(_ name: String) -> String {
        guard name.utf8.count > longest else { return name }
        return joined(name, suffix: "")
    }

    /// Adds a number before a short extension: `a (2).flac`; at most 90 bytes.
    static func numbered(_ name: String, _ number: Int) -> String { joined(name, suffix: " (\(number))") }

    /// The number that a name adds to `original`; 1 when both are equal, `nil` when it is not derived from it.
    static func number(of name: String, from original: String) -> Int? {
        if name == original { return 1 }
        guard let mark = name.lastIndex(of: "(") else { return nil }
        let digits = name[name.index(after: mark)...].prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), number > 1, numbered(original, number) == name else { return nil }
        return number
    }

    /// The longest prefix of the name that fits before `suffix` and a short extension.
    private static func joined(_ name: String, suffix: String) -> String {
        let dot = name.lastIndex(of: ".") ?? name.endIndex
        let keepsEnding = name[dot...].utf8.count <= 16 && dot > name.startIndex
        let ending = keepsEnding ? suffix + name[dot...] : suffix
        let room = longest - ending.utf8.count
        var stem = Substring()
        for character in keepsEnding ? name[..<dot] : name[...] {
            guard stem.utf8.count + character.utf8.count <= room else { break }
            stem.append(character)
        }
        // A single character with many combining marks can exceed the limit.
        return (stem.isEmpty ? fallback : String(stem)) + ending
    }

    private static func cleaned(_ text: String) -> String {
        var name = text.utf8.allSatisfy(isHarmless) ? text : withoutBadCharacters(text)
        name = String(name.unicodeScalars.drop { $0 == "." || $0.properties.isWhitespace })
        while let last = name.last, last == "." || last.isWhitespace { name.removeLast() }
        guard !name.isEmpty, !name.allSatisfy({ $0 == "_" }) else { return fallback }
        return cut(isReserved(name) ? "_" + name : name)
    }

    private static func withoutBadCharacters(_ text: String) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            let isBad =
                isSeparator(scalar) || isInvisible(scalar) || isDotLike(scalar)
                || "<>:\"|?*".unicodeScalars.contains(scalar)
            name.unicodeScalars.append(isBad ? "_" : scalar)
        }
        return name
    }

    /// Whether an ASCII byte is allowed unchanged; most names contain only such bytes.
    private static func isHarmless(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: ":"),
            UInt8(ascii: "\""), UInt8(ascii: "|"), UInt8(ascii: "?"), UInt8(ascii: "*"):
            false
        default: (0x20..<0x7F).contains(byte)
        }
    }

    /// Whether a name contains another, compared by bytes.
    private static func contains(_ name: String, _ part: String) -> Bool {
        let (name, part) = (Array(name.utf8), Array(part.utf8))
        guard part.count <= name.count else { return false }
        return (0...(name.count - part.count)).contains { name[$0..<($0 + part.count)] == part[...] }
    }

    private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
        // Slashes and backslashes, and the fraction, division and full-width signs that resemble them.
        [0x2F, 0x5C, 0x2044, 0x2215, 0x2216, 0x29F5, 0x29F8, 0x29F9, 0xFE68, 0xFF0F, 0xFF3C].contains(scalar.value)
    }

    private static func isDotLike(_ scalar: Unicode.Scalar) -> Bool {
        // Leaders and the ellipsis, and small, full-width and ideographic full stops.
        [0x2024, 0x2025, 0x2026, 0x3002, 0xFE19, 0xFE52, 0xFF0E, 0xFF61].contains(scalar.value)
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        // Several languages and emoji need the two joiners.
        if scalar.value == 0x200C || scalar.value == 0x200D { return false }
        return switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    private static func isReserved(_ name: String) -> Bool {
        // All reserved names begin with one of five letters.
        guard let first = name.utf8.first(where: { $0 != UInt8(ascii: " ") }),
            first >= 0x80 || "ACLNPaclnp".utf8.contains(first)
        else { return false }
        let stem = String(name.unicodeScalars.prefix { $0 != "." }).uppercased().filter { $0 != " " }
        if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"].contains(stem) { return true }
        guard stem.hasPrefix("COM") || stem.hasPrefix("LPT"), stem.count == 4, let last = stem.last else {
            return false
        }
        return last.isNumber
    }
}
