// Tables: columns under a heading, cut to the terminal and never cut in a pipe.

/// Rows under headings.
struct TextTable: Sendable {
    /// A column's heading and on which side its cells stand.
    struct Column: Sendable {
        var title: String
        var isNumber = false
    }

    var columns: [Column]
    var rows: [[String]] = []

    /// The lines, each at most `width` columns wide when there is a width.
    func lines(width: Int?) -> [String] {
        let cells = [columns.map(\.title)] + rows.map { $0.map(Self.oneLine) }
        let widths = columns.indices.map { index in cells.map { $0[index].count }.max() ?? 0 }
        return cells.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                let gap = String(repeating: " ", count: widths[index] - cell.count)
                if index > 0 { line += "  " }
                line += columns[index].isNumber ? gap + cell : cell + gap
            }
            while line.last == " " { line.removeLast() }
            return Self.cut(line, to: width)
        }
    }

    /// Control characters would move the cursor or begin a new row.
    private static func oneLine(_ cell: String) -> String {
        String(String.UnicodeScalarView(cell.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }

    private static func cut(_ line: String, to width: Int?) -> String {
        guard let width, line.count > width else { return line }
        return line.prefix(max(0, width - 1)) + "…"
    }
}
