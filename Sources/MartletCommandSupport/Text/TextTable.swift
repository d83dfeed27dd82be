// Tables: columns under a heading, fitted to the terminal and never cut in a pipe.

/// Rows under headings.
package struct TextTable: Sendable {
    /// A column's heading, on which side its cells stand, and what may happen to it where there is little room.
    package struct Column: Sendable {
        /// Which part of a cell gives way.
        package enum Cut: Sendable { case end, middle }

        package var title: String
        package var isNumber: Bool
        /// The columns that a shortened cell keeps at least; `nil` for cells that are worth nothing when shortened.
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

    /// The lines, each at most `width` columns wide when there is a width.
    package func lines(width: Int?) -> [String] {
        let layout = TableLayout(self, width: width)
        return ([columns.map(\.title)] + rows).map { row in
            var line = ""
            for (index, room) in zip(layout.columns, layout.widths) {
                let cell = Self.shortened(row[index], to: room, columns[index].cut)
                let gap = String(repeating: " ", count: max(0, room - cell.columns))
                if index != layout.columns.first { line += "  " }
                line += columns[index].isNumber ? gap + cell : cell + gap
            }
            while line.last == " " { line.removeLast() }
            return width.map { Self.shortened(line, to: $0, .end) } ?? line
        }
    }

    /// The headings of the columns for which there is no room.
    package func hidden(width: Int?) -> [String] {
        let shown = Set(TableLayout(self, width: width).columns)
        return columns.indices.filter { index in
            !shown.contains(index) && !columns[index].title.isEmpty && rows.contains { !$0[index].isEmpty }
        }.map { columns[$0].title }
    }

    /// The text with an ellipsis where something was left out.
    private static func shortened(_ text: String, to room: Int, _ cut: Column.Cut) -> String {
        guard text.columns > room else { return text }
        guard cut == .middle, room > 4 else { return text.prefix(columns: max(0, room - 1)) + "…" }
        let tail = String(String(text.reversed()).prefix(columns: (room - 1) / 2).reversed())
        return text.prefix(columns: room - 1 - tail.columns) + "…" + tail
    }
}

/// Which columns of a table are shown and how wide each is.
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

    /// How narrow the columns can be together.
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

    /// Takes room from the widest column that can give some, again and again.
    private mutating func shorten(to width: Int) {
        while total > width {
            let givers = widths.indices.filter { widths[$0] > leastWidth(columns[$0], widths[$0]) }
            guard let place = givers.max(by: { widths[$0] < widths[$1] }) else { return }
            widths[place] -= 1
        }
    }
}
