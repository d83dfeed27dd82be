// Checks that every public function of the libraries documents its parameters, and that every public type shows its use.

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

    /// A public type with its docstring, from its line on.
    private struct TypeDeclaration {
        var place: String
        var name: String
        var kind: String
        var docstring: [Substring]
        var body: [Substring]

        /// Whether callers only receive values of it: a struct that they cannot create.
        var isResult: Bool { kind == "struct" && !body.contains { $0.firstMatch(of: /^ +public init\b/) != nil } }
    }

    private static func types(of library: String) throws -> [TypeDeclaration] {
        let folder = "Sources/\(library)"
        return try FileManager.default.subpathsOfDirectory(atPath: Guides.root.appending(path: folder).path).sorted()
            .filter { $0.hasSuffix(".swift") }
            .flatMap { try types(in: "\(folder)/\($0)") }
    }

    private static func types(in file: String) throws -> [TypeDeclaration] {
        let lines = try Guides.text(of: file).split(separator: "\n", omittingEmptySubsequences: false)
        return lines.indices.compactMap { index in
            let pattern = /^(@\w+ )*public (\w+ )*(struct|class|enum|protocol|actor) (\w+)/
            guard let match = lines[index].firstMatch(of: pattern) else { return nil }
            var start = index
            while start > 0, lines[start - 1].hasPrefix("@") { start -= 1 }
            return TypeDeclaration(
                place: "\(file):\(index + 1)", name: String(match.output.4), kind: String(match.output.3),
                docstring: lines[..<start].reversed().prefix { $0.hasPrefix("///") },
                body: Array(lines[index...].prefix { $0 != "}" }))
        }
    }

    /// The rule: a public type has a snippet, except structs that callers only receive, which the snippet of the operation
    /// that returns them shows.
    @Test(arguments: Guides.libraries)
    func `every public type that callers create or choose has a snippet`(_ library: String) throws {
        let types = try Self.types(of: library)
        #expect(!types.isEmpty)
        for type in types where !type.isResult && !type.docstring.contains("/// ```swift") {
            Issue.record("\(type.place) \(type.name) has no snippet in its docstring")
        }
    }
}
