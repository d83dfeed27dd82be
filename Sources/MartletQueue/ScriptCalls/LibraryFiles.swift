// The source of the function library: the files without comments, each with the files that it needs.

/// The statements of all files, and which of them each file needs.
struct LibraryFiles {
    private var statements: [ScriptFile: [UInt8]] = [:]
    private var needs: [ScriptFile: [ScriptFile]] = [:]
    /// The names that a closed file defines for others.
    private var gives: [ScriptFile: [Substring]] = [:]

    /// Reads the files; `source` returns the text of each.
    init(_ source: (ScriptFile) -> [UInt8]) {
        for file in ScriptFile.allCases {
            let lines = source(file).split(separator: UInt8(ascii: "\n"))
            statements[file] = lines.flatMap(Self.statement)
            needs[file] = Self.words("needs", in: lines)?.compactMap { ScriptFile(rawValue: String($0)) }
            gives[file] = file.definesFunction ? [] : Self.words("gives", in: lines)
        }
    }

    /// The library source of these files, after the part generated from ``Schema``.
    func text(_ files: [ScriptFile]) -> [UInt8] {
        files.reduce(into: Array(Schema.lua.utf8)) { text, file in
            // Lua allows 200 local variables at a time, so those of a closed file end with it.
            guard let given = gives[file] else { return text += statements[file] ?? [] }
            if !given.isEmpty { text += Array("local \(given.joined(separator: ", "))\n".utf8) }
            text += Array("do\n".utf8) + (statements[file] ?? []) + Array("end\n".utf8)
        }
    }

    /// A file and all files that it needs, directly or indirectly, in the library's order.
    func needed(by file: ScriptFile) -> [ScriptFile] {
        var needed: Set<ScriptFile> = [file]
        // A file needs only files before it.
        for file in ScriptFile.allCases.reversed() where needed.contains(file) { needed.formUnion(needs[file] ?? []) }
        return ScriptFile.allCases.filter(needed.contains)
    }

    /// A line without its comment and without an anchor ` --@ name` at its end; empty for a comment line.
    private static func statement(_ line: ArraySlice<UInt8>) -> [UInt8] {
        let statement = line.drop { $0 == UInt8(ascii: " ") }
        guard !statement.isEmpty, !statement.starts(with: "--".utf8) else { return [] }
        return withoutAnchor(statement) + [UInt8(ascii: "\n")]
    }

    private static func withoutAnchor(_ statement: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard statement.contains(UInt8(ascii: "@")) else { return statement }
        let mark = Array(" --@ ".utf8)
        let start = statement.indices.last { statement[$0...].starts(with: mark) }
        return start.map { statement[..<$0] } ?? statement
    }

    /// The words of a line such as `-- needs: runtime values` or `-- gives: groups`; `nil` for a file without it.
    ///
    /// The part generated from ``Schema`` precedes all files, and is none.
    private static func words(_ name: String, in lines: [ArraySlice<UInt8>]) -> [Substring]? {
        let mark = Array("-- \(name):".utf8)
        return lines.first { $0.starts(with: mark) }
            .map { String(decoding: $0.dropFirst(mark.count), as: UTF8.self).split(separator: " ") }
    }
}
