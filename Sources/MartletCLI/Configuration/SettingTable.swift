// The settings as tables: for the documentation, and for showing effective values and their sources.

import MartletCommandSupport

/// Tables of settings.
enum SettingTable {
    /// All settings with names, default, range and meaning, as a Markdown table.
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

    /// The effective value and source of each setting, in columns; cut to `width` on a terminal.
    static func text(_ origins: [SettingOrigin], width: Int? = nil) -> String {
        let columns: [TextTable.Column] = [
            .init(title: "SETTING"), .init(title: "VALUE", least: 16, cut: .middle), .init(title: "SOURCE", least: 12),
        ]
        let rows = origins.map { [$0.key.name, shown($0), source($0)] }
        return TextTable(columns: columns, rows: rows).lines(width: width).joined(separator: "\n") + "\n"
    }

    /// The value for display.
    static func shown(_ origin: SettingOrigin) -> String {
        if origin.key.isSecret { return origin.kind == .fallback ? origin.key.fallback ?? "none" : "(secret)" }
        return origin.value ?? "none"
    }

    /// The source for display.
    static func source(_ origin: SettingOrigin) -> String {
        guard let spelling = origin.spelling else { return origin.kind.rawValue }
        return "\(origin.kind.rawValue) \(spelling)"
    }

    private static func escaped(_ cell: String) -> String {
        cell.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
