// Tables: columns under headings, fitted to a terminal and never cut in a pipe.

/// Rows under headings.
package struct TextTable: Sendable {
    /// A column's heading, alignment and shortening rules.
    package struct Column: Sendable {
        /// The part of a cell that is cut.
        package enum Cut: Sendable { case end, middle }

        package var title: String
        package var isNumber: Bool
        /// The least columns of a shortened cell; `nil` for cells that must not be shortened.
        package var least: Int?
        package var cut: Cut
        /// Columns of a larger rank are left out first; 0 is never left out.
        package var rank: Int

        package init(title: String, isNumber: Bool = false, least: Int? = nil, cut: Cut = .end, rank: Int = 0) {
            self.title = title
            self.isNumber = isNumber
            self.least = least
            self.cut = cut
            self.rank = rank
        }
    }

    package var columns: [Column]
    package var rows: [[String]]

    package init(columns: [Column], rows: [[String]] = []) {
        self.columns = columns
        self.rows = rows.map { $0.map(TerminalText.oneLine) }
    }

    /// The lines, at most `width` columns wide if given.
    package func lines(width: Int?) -> [String] {
        let layout = TableLayout(self, width: width)
        return ([columns.map(\.title)] + rows).map { row in
            var line = ""
            for (index, room) in zip(layout.columns, layout.widths) {
                let cell = Self.shortened(row[index], to: room, columns[index].cut)
                if index != layout.columns.first { line += "  " }
                let gap = String(repeating: " ", count: max(0, room - cell.columns))
                line += columns[index].isNumber ? gap + cell : cell + gap
            }
            line = line.withoutTrailingSpaces
            return width.map { Self.shortened(line, to: $0, .end) } ?? line
        }
    }

    /// The headings of the hidden columns.
    package func hidden(width: Int?) -> [String] {
        let shown = Set(TableLayout(self, width: width).columns)
        return columns.indices.filter { index in
            !shown.contains(index) && !columns[index].title.isEmpty && rows.contains { !$0[index].isEmpty }
        }.map { columns[$0].title }
    }

    /// The text with an ellipsis for the removed part.
    private static func shortened(_ text: String, to room: Int, _ cut: Column.Cut) -> String {
        guard text.columns > room else { return text }
        guard cut == .middle, room > 4 else { return text.prefix(columns: max(0, room - 1)) + "…" }
        let tail = String(String(text.reversed()).prefix(columns: (room - 1) / 2).reversed())
        return text.prefix(columns: room - 1 - tail.columns) + "…" + tail
    }
}

/// The visible columns of a table and their widths.
private struct TableLayout {
    private(set) var columns: [Int]
    private(set) var widths: [Int]
    private let all: [TextTable.Column]

    init(_ table: TextTable, width: Int?) {
        let headings = table.columns
        all = headings
        columns = Array(headings.indices)
        widths = headings.indices.map { index in
            table.rows.reduce(headings[index].title.columns) { max($0, $1[index].columns) }
        }
        guard let width, total > width else { return }
        let empty = columns.filter { index in headings[index].rank > 0 && table.rows.allSatisfy { $0[index].isEmpty } }
        for index in empty where total > width { leaveOut(index) }
        while least > width, let index = columns.max(by: { headings[$0].rank < headings[$1].rank }),
            headings[index].rank > 0
        {
            leaveOut(index)
        }
        shorten(to: width)
    }

    private var total: Int { widths.reduce(2 * max(0, widths.count - 1), +) }

    /// The least total width.
    private var least: Int {
        zip(columns, widths).reduce(2 * max(0, widths.count - 1)) { $0 + leastWidth($1.0, $1.1) }
    }

    private func leastWidth(_ column: Int, _ width: Int) -> Int {
        all[column].least.map { min(width, max($0, all[column].title.columns)) } ?? width
    }

    private mutating func leaveOut(_ column: Int) {
        guard columns.count > 1, let place = columns.firstIndex(of: column) else { return }
        columns.remove(at: place)
        widths.remove(at: place)
    }

    /// Repeatedly narrows the widest column that can be shortened.
    private mutating func shorten(to width: Int) {
        while total > width {
            let givers = widths.indices.filter { widths[$0] > leastWidth(columns[$0], widths[$0]) }
            guard let place = givers.max(by: { widths[$0] < widths[$1] }) else { return }
            widths[place] -= 1
        }
    }
}
