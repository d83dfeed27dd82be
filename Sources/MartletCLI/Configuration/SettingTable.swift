// The keys as tables: for the documentation, and for people who ask what a process would use and why.

import MartletCommandSupport

/// Tables of the configuration's keys.
enum SettingTable {
    /// Every key with its names, default, range and meaning, as a table in Markdown.
    static var markdown: String {
        var lines = [
            "| environment | flag | file | default | allowed | meaning |", "|---|---|---|---|---|---|",
        ]
        for key in Settings.all {
            let variables = (key.environment + key.environmentOfFile.prefix(1)).map { "`\($0)`" }
            let cells = [
                variables.joined(separator: "<br>"), "`--\(key.flagName)`", "`\(key.name)`",
                key.fallback.map { "`\($0)`" } ?? "none", key.expectation, key.meaning,
            ]
            lines.append("| " + cells.map(escaped).joined(separator: " | ") + " |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Each key with the value that counts and where it came from, in columns; cut to `width` on a terminal.
    static func text(_ origins: [SettingOrigin], width: Int? = nil) -> String {
        let columns: [TextTable.Column] = [
            .init(title: "SETTING"), .init(title: "VALUE", least: 16, cut: .middle), .init(title: "SOURCE", least: 12),
        ]
        let rows = origins.map { [$0.key.name, shown($0), source($0)] }
        return TextTable(columns: columns, rows: rows).lines(width: width).joined(separator: "\n") + "\n"
    }

    /// The value of an origin as people may see it.
    static func shown(_ origin: SettingOrigin) -> String {
        if origin.key.isSecret { return origin.kind == .fallback ? origin.key.fallback ?? "none" : "(secret)" }
        return origin.value ?? "none"
    }

    /// Where a value came from, in words.
    static func source(_ origin: SettingOrigin) -> String {
        guard let spelling = origin.spelling else { return origin.kind.rawValue }
        return "\(origin.kind.rawValue) \(spelling)"
    }

    private static func escaped(_ cell: String) -> String {
        cell.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
