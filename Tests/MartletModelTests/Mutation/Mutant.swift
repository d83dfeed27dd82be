// Scripts with one text changed: with a clock that stands still, and with a mistake planted.

import FoundationEssentials

@testable import MartletQueue

/// One change of one script's text.
struct Change: Sendable {
    var file: ScriptFile
    /// Stands there exactly once.
    var text: String
    var replacement: String
}

/// The text to change is not there, or more than once: the list of changes is out of date.
struct NoSuchText: Error, CustomStringConvertible {
    var change: Change
    var found: Int
    var description: String { "\(change.file) has this \(found) times instead of once: \(change.text)" }
}

extension ScriptTable {
    /// The clock as the scripts read it, and one that stands where `offset` puts it.
    private static let clock = Change(
        file: .prelude,
        text: "local now = tonumber(stamp)",
        replacement: "local now = 0")

    /// The shipped scripts, with a clock that stands still between operations, and with `changes`.
    static func withClockThatStands(_ changes: Change...) throws -> ScriptTable {
        var texts: [ScriptFile: String] = [:]
        for change in [clock] + changes {
            let text = texts[change.file] ?? String(decoding: change.file.source, as: UTF8.self)
            let parts = text.components(separatedBy: change.text)
            guard parts.count == 2 else { throw NoSuchText(change: change, found: parts.count - 1) }
            texts[change.file] = parts.joined(separator: change.replacement)
        }
        return ScriptTable { file in texts[file].map { Array($0.utf8) } ?? file.source }
    }
}
