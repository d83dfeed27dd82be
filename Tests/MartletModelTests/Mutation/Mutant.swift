// Scripts with single lines changed: a clock that does not advance, and a mutant.
//
// A line is named by its anchor, ` --@ name` at its end, which is no part of the library.

import FoundationEssentials

@testable import MartletQueue

/// One change of one line of a script.
struct Change: Sendable {
    /// How the line changes.
    enum Edit: Sendable {
        /// It is removed.
        case removed
        /// Its condition is always false, or always true.
        case never, always
        /// A part of it, which occurs once, is replaced.
        case replaced(String, String)
        /// It is replaced by another statement.
        case becomes(String)
    }

    var file: ScriptFile
    var anchor: String
    var edit: Edit

    /// The line after the change; `nil` if the edit does not apply to it.
    func applied(to line: String) -> String? {
        switch edit {
        case .removed: return ""
        case .never: return condition(of: line, becomes: "false")
        case .always: return condition(of: line, becomes: "true")
        case .becomes(let text): return text
        case .replaced(let part, let text):
            let parts = line.components(separatedBy: part)
            return parts.count == 2 ? parts.joined(separator: text) : nil
        }
    }

    private func condition(of line: String, becomes word: String) -> String? {
        guard let start = line.firstRange(of: "if "), let end = line.firstRange(of: " then") else { return nil }
        return line.replacing(line[start.upperBound..<end.lowerBound], with: word, maxReplacements: 1)
    }
}

/// The line to change does not exist or differs: the list of changes is out of date.
struct NoSuchLine: Error, CustomStringConvertible {
    var change: Change
    var found: Int
    var description: String {
        "\(change.file) has the anchor \(change.anchor) \(found) times instead of once, or its line is not what is changed"
    }
}

extension ScriptTable {
    /// Replaces the clock of the scripts by one that `offset` sets.
    private static let clock = Change(file: .runtime, anchor: "clock", edit: .becomes("local now = 0"))

    /// The shipped scripts, with a clock that does not advance between operations, and with `changes`.
    static func withClockThatStands(_ changes: Change...) throws -> ScriptTable {
        var texts: [ScriptFile: String] = [:]
        for change in [clock] + changes {
            let text = texts[change.file] ?? String(decoding: change.file.source, as: UTF8.self)
            texts[change.file] = try applied(change, to: text)
        }
        return ScriptTable { file in texts[file].map { Array($0.utf8) } ?? file.source }
    }

    private static func applied(_ change: Change, to text: String) throws -> String {
        let mark = " --@ " + change.anchor
        var lines = text.components(separatedBy: "\n")
        let places = lines.indices.filter { lines[$0].hasSuffix(mark) }
        guard places.count == 1, let changed = change.applied(to: String(lines[places[0]].dropLast(mark.count)))
        else { throw NoSuchLine(change: change, found: places.count) }
        lines[places[0]] = changed
        return lines.joined(separator: "\n")
    }
}
