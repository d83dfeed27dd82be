// The blocks of code in the README and the guides, for tests that compile and run what they show.

public import FoundationEssentials

/// A block of code in a page of the documentation.
public struct GuideBlock: Sendable, CustomStringConvertible {
    /// The page's path from the root of the package.
    public let page: String
    /// The line of the opening fence, from 1.
    public let line: Int
    /// The language of the fence: `swift`, `sh`, `json`.
    public let language: String
    /// The lines, without their common indentation.
    public let lines: [String]

    /// The page and line of the block.
    public var description: String { "\(page):\(line)" }
}

/// The pages that users read.
public enum Guides {
    /// The root of the package.
    public static var root: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    /// The paths of all pages, from the root of the package: the README and every page of a documentation catalog.
    public static func pages() throws -> [String] {
        let sources = root.appending(path: "Sources").path
        let catalogs = try FileManager.default.subpathsOfDirectory(atPath: sources)
            .filter { $0.hasSuffix(".md") && $0.contains(".docc/") }
        return ["README.md"] + catalogs.map { "Sources/\($0)" }.sorted()
    }

    /// The text of a page.
    public static func text(of page: String) throws -> String {
        try String(contentsOf: root.appending(path: page), encoding: .utf8)
    }

    /// All blocks in `language`.
    public static func blocks(in language: String) throws -> [GuideBlock] {
        try pages().flatMap { page in try blocks(of: page, text: text(of: page)) }.filter { $0.language == language }
    }

    /// The targets that users import; their docstrings show code too.
    public static let libraries = [
        "Martlet", "MartletDownloads", "MartletJobs", "MartletMaintenance", "MartletQueue", "MartletRedis",
        "MartletTesting", "MartletWorker",
    ]

    /// All blocks in `language` in the docstrings of ``libraries``.
    public static func docstringBlocks(in language: String) throws -> [GuideBlock] {
        try libraries.flatMap { library in
            let folder = "Sources/\(library)"
            return try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path).sorted()
                .filter { $0.hasSuffix(".swift") }
                .flatMap { file in
                    let page = "\(folder)/\(file)"
                    return blocks(of: page, text: docstrings(of: try text(of: page)))
                }
        }.filter { $0.language == language }
    }

    /// The docstrings of a file, each on its own line; all other lines are empty.
    private static func docstrings(of source: String) -> String {
        source.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let line = line.drop { $0 == " " }
            guard line.hasPrefix("///") else { return "" }
            return String(line.dropFirst(line.hasPrefix("/// ") ? 4 : 3))
        }.joined(separator: "\n")
    }

    private static func blocks(of page: String, text: String) -> [GuideBlock] {
        var found: [GuideBlock] = []
        var open: (line: Int, language: String, lines: [String])?
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let trimmed = line.drop { $0 == " " }
            guard trimmed.hasPrefix("```") else {
                open?.lines.append(String(line))
                continue
            }
            if let block = open {
                let lines = withoutSharedIndentation(block.lines)
                found.append(GuideBlock(page: page, line: block.line, language: block.language, lines: lines))
                open = nil
            } else {
                open = (number + 1, String(trimmed.dropFirst(3)), [])
            }
        }
        return found
    }

    /// Removes the common indentation and trailing blanks.
    public static func withoutSharedIndentation(_ lines: [String]) -> [String] {
        let filled = lines.filter { !$0.allSatisfy { $0 == " " } }
        let shared = filled.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        return lines.map { line in
            var text = line.dropFirst(shared)
            while text.last == " " { text.removeLast() }
            return String(text)
        }
    }
}
