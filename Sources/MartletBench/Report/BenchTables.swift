// A table of a report, as Markdown or for a terminal.

import MartletCommandSupport

/// A table with a heading.
struct BenchReportTable: Sendable {
    struct Column: Sendable {
        var title: String
        var isNumber = false
    }

    var title: String
    var columns: [Column]
    var rows: [[String]]

    /// The table in Markdown, without its heading.
    var markdown: String {
        let head = "| " + columns.map { Self.cell($0.title) }.joined(separator: " | ") + " |"
        let rule = "|" + columns.map { $0.isNumber ? "---:|" : "---|" }.joined()
        let body = rows.map { "| " + $0.map(Self.cell).joined(separator: " | ") + " |" }
        return ([head, rule] + body).joined(separator: "\n") + "\n"
    }

    /// The table for a terminal.
    func text(width: Int?) -> String {
        let table = TextTable(
            columns: columns.map { .init(title: $0.title.uppercased(), isNumber: $0.isNumber) }, rows: rows)
        return table.lines(width: width).joined(separator: "\n") + "\n"
    }

    private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }
}
