// Every Swift block of the README and the guides stands, line by line, in a file that the tests compile.

import FoundationEssentials
import TestSupport
import Testing

@Suite struct SwiftSnippetTests {
    /// The compiled files that may hold a block.
    private static func compiled() throws -> [[String]] {
        let folders = ["Tests/MartletGuideTests/Snippets", "Tests/GuideProgram"]
        return try folders.flatMap { folder in
            let directory = Guides.root.appending(path: folder)
            return try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted().map { name in
                try String(contentsOf: directory.appending(path: name), encoding: .utf8)
                    .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            }
        }
    }

    /// The lines without imports and the blank lines behind them: those stand at the top of a compiled file.
    private static func statements(of block: GuideBlock) -> [String] {
        Array(block.lines.drop { $0.isEmpty || $0.hasPrefix("import ") })
    }

    private static func holds(_ file: [String], _ block: [String]) -> Bool {
        guard file.count >= block.count else { return false }
        return (0...(file.count - block.count)).contains { start in
            // Cheap first: the first line must fit before the rest is compared.
            file[start].hasSuffix(block[0])
                && Guides.withoutSharedIndentation(Array(file[start..<start + block.count])) == block
        }
    }

    @Test func `every Swift block is compiled`() throws {
        let files = try Self.compiled()
        let blocks = try Guides.blocks(in: "swift")
        #expect(blocks.count >= 15, "the guides are not where they were")
        for block in blocks where !files.contains(where: { Self.holds($0, Self.statements(of: block)) }) {
            Issue.record("\(block) is in no file of Tests/MartletGuideTests/Snippets or Tests/GuideProgram")
        }
    }

    @Test func `a block that differs by one word is noticed`() throws {
        let files = try Self.compiled()
        let block = try #require(try Guides.blocks(in: "swift").first { Self.statements(of: $0).count > 3 })
        var lines = Self.statements(of: block)
        lines[1] += " changed"
        #expect(!files.contains { Self.holds($0, lines) })
    }
}
