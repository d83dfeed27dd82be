// The source of the function library: the files without comments, each with the files that it needs.

/// The statements of all files, and which of them each file needs.
struct LibraryFiles {
    private var statements: [ScriptFile: [UInt8]] = [:]
    private var needs: [ScriptFile: [ScriptFile]] = [:]

    /// Reads the files; `source` returns the text of each.
    init(_ source: (ScriptFile) -> [UInt8]) {
        for file in ScriptFile.allCases {
            let lines = source(file).split(separator: UInt8(ascii: "\n"))
            statements[file] = lines.flatMap(Self.statement)
            needs[file] = lines.flatMap(Self.needs)
        }
    }

    /// The library source of these files, after the part generated from ``Schema``.
    func text(_ files: [ScriptFile]) -> [UInt8] {
        files.reduce(into: Array(Schema.lua.utf8)) { text, file in
            // Lua allows 200 local variables at a time.
            if file.isClosed { text += Array("do\n".utf8) }
            text += statements[file] ?? []
            if file.isClosed { text += Array("end\n".utf8) }
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

    /// The files named in a line `-- needs: runtime values`.
    ///
    /// The part generated from ``Schema`` precedes them all.
    private static func needs(_ line: ArraySlice<UInt8>) -> [ScriptFile] {
        let mark = Array("-- needs: ".utf8)
        guard line.starts(with: mark) else { return [] }
        let words = line.dropFirst(mark.count).split(separator: UInt8(ascii: " "))
        return words.compactMap { ScriptFile(rawValue: String(decoding: $0, as: UTF8.self)) }
    }
}
