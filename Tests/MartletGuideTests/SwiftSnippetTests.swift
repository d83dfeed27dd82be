// Checks that every Swift block of the README, the guides and the docstrings is, line by line, in a compiled file.

import Foundation
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
        let programs = blocks.filter { !Self.isManifest($0) }
        for block in programs where !files.contains(where: { Self.holds($0, Self.statements(of: block)) }) {
            Issue.record("\(block) is in no file of Tests/MartletGuideTests/Snippets or Tests/GuideProgram")
        }
    }

    @Test func `every Swift block of a docstring is compiled`() throws {
        let files = try Self.compiled()
        let blocks = try Guides.docstringBlocks(in: "swift")
        #expect(blocks.count >= 60, "the docstrings of public types have lost their snippets")
        for block in blocks where !files.contains(where: { Self.holds($0, Self.statements(of: block)) }) {
            Issue.record("\(block) is in no file of Tests/MartletGuideTests/Snippets or Tests/GuideProgram")
        }
    }

    private static func isManifest(_ block: GuideBlock) -> Bool {
        block.lines.first?.hasPrefix("// swift-tools-version") == true
    }

    @Test func `every package manifest can be read and asks for a product that there is`() throws {
        let manifests = try Guides.blocks(in: "swift").filter(Self.isManifest)
        #expect(!manifests.isEmpty)
        let products = try Self.description(ofPackageAt: Guides.root)["products"] as? [[String: Any]] ?? []
        let names = Set(products.compactMap { $0["name"] as? String })
        for block in manifests {
            let directory = URL(filePath: temporaryDirectory("manifest"))
            try Data(block.lines.joined(separator: "\n").utf8).write(to: directory.appending(path: "Package.swift"))
            let text = "\(try Self.description(ofPackageAt: directory))"
            #expect(names.contains { text.contains($0) }, "\(block)")
        }
    }

    /// What the package manager makes of a manifest.
    private static func description(ofPackageAt directory: URL) throws -> [String: Any] {
        let manager = Process()
        manager.executableURL = URL(filePath: "/usr/bin/env")
        let scratch = temporaryDirectory("scratch")
        manager.arguments = [
            "swift", "package", "--package-path", directory.path, "--scratch-path", scratch, "dump-package",
        ]
        let output = Pipe()
        manager.standardOutput = output
        manager.standardError = FileHandle.nullDevice
        try manager.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        manager.waitUntilExit()
        #expect(manager.terminationStatus == 0)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test func `a block that differs by one word is noticed`() throws {
        let files = try Self.compiled()
        let block = try #require(try Guides.blocks(in: "swift").first { Self.statements(of: $0).count > 3 })
        var lines = Self.statements(of: block)
        lines[1] += " changed"
        #expect(!files.contains { Self.holds($0, lines) })
    }
}
