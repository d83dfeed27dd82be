// The keys as tables: for the documentation, and for people who ask what a process would use and why.

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

    /// Each key with the value that counts and where it came from, in columns.
    static func text(_ origins: [SettingOrigin]) -> String {
        let rows = [["SETTING", "VALUE", "SOURCE"]] + origins.map { [$0.key.name, shown($0), source($0)] }
        let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let left = zip(row, widths).dropLast().map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            return (left + [row[2]]).joined(separator: "  ")
        }.joined(separator: "\n") + "\n"
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
