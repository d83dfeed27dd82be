// Checks that every public function of the libraries documents its parameters.

import Foundation
import TestSupport
import Testing

@Suite struct DocumentationTests {
    /// A public function or initialiser with parameters.
    private struct Declaration: CustomStringConvertible {
        var file: String
        var line: Int
        var text: String
        var docstring: [Substring]

        var description: String { "\(file):\(line) \(text)" }
        var documentsParameters: Bool { docstring.contains { $0.hasPrefix("/// - Parameter") } }
    }

    private static func declarations(of library: String) throws -> [Declaration] {
        let folder = "Sources/\(library)"
        return try FileManager.default.subpathsOfDirectory(atPath: Guides.root.appending(path: folder).path).sorted()
            .filter { $0.hasSuffix(".swift") }
            .flatMap { try declarations(in: "\(folder)/\($0)") }
    }

    private static func declarations(in file: String) throws -> [Declaration] {
        let lines = try Guides.text(of: file).split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.drop { $0 == " " } }
        return lines.indices.compactMap { index in
            let next = index + 1 < lines.count ? lines[index + 1] : ""
            guard takesParameters(lines[index], next: next) else { return nil }
            var start = index
            while start > 0, lines[start - 1].hasPrefix("@") { start -= 1 }
            let docstring = lines[..<start].reversed().prefix { $0.hasPrefix("///") }
            return Declaration(file: file, line: index + 1, text: String(lines[index]), docstring: Array(docstring))
        }
    }

    private static func takesParameters(_ line: Substring, next: Substring) -> Bool {
        guard let match = line.firstMatch(of: /^(@\w+ )*public (\w+ )*(func|init)\b[^(]*\((.*)$/) else { return false }
        let rest = match.output.4.isEmpty ? next : match.output.4
        return !rest.hasPrefix(")")
    }

    @Test(arguments: Guides.libraries)
    func `every public function says what its parameters mean`(_ library: String) throws {
        let declarations = try Self.declarations(of: library)
        #expect(!declarations.isEmpty)
        for declaration in declarations where !declaration.documentsParameters {
            Issue.record("\(declaration) has no \"- Parameter\" in its docstring")
        }
    }
}
