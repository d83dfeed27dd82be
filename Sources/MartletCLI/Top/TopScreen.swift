// The screen of `martlet top`: lines made of its state.

import MartletCommandSupport
import MartletJSON

extension TopState {
    /// The lines of the screen, not more than the terminal has rows.
    var screen: [ScreenLine] {
        let width = size.columns
        let footer = footer
        // Small terminals keep the table and the question, and lose the numbers.
        let numbers = ScreenLine.flowing(numbers, width: width).prefix(max(1, size.rows / 5))
        var header = [titleLine] + numbers + [ScreenLine(), tabs]
        if size.rows < 14 { header = [titleLine, tabs] }
        if size.rows < 7 { header = [] }
        let height = max(0, size.rows - header.count - footer.count)
        let content = Array(content(width: width, height: height).prefix(height))
        let gap = [ScreenLine](repeating: ScreenLine(), count: max(0, height - content.count))
        return Array((header + content + gap + footer).suffix(size.rows))
    }

    /// The lines for scripts: all numbers and all rows.
    ///
    /// - Parameter width: the columns of a terminal; `nil` when nothing may be cut.
    func report(width: Int?) -> [String] {
        // Rates need more than one look.
        let columns = view.columns.columns
        let table = TextTable(columns: columns, rows: rows.map { Array($0.cells.prefix(columns.count)) })
        let numbers = ScreenLine.flowing(numbers, width: width ?? .max).map(\.text)
        return numbers + [""] + table.lines(width: width)
    }

    private func content(width: Int, height: Int) -> [ScreenLine] {
        if showsHelp { return helpLines }
        if let detail { return detailLines.dropFirst(detail.offset).map { ScreenLine($0) } }
        guard let listed else { return [ScreenLine("Loading…", .dim)] }
        if let refusal = listed.refusal { return Self.wrapped(refusal, width: width, .bad) }
        return table(width: width, height: height)
    }

    // MARK: The table

    /// The views, and what restricts the rows.
    private var tabs: ScreenLine {
        let names = TopView.allCases.map { TextSpan(" \($0.digit) \($0.title) ", $0 == view ? .reverse : .plain) }
        let isJobs = view == .jobs || view == .errors
        let notes = [
            view == .jobs ? TopStates.all[states].name : nil, isJobs ? queue.map { "queue \($0)" } : nil,
            filter.isEmpty ? nil : "filter \(filter)", marked.isEmpty ? nil : "\(marked.count) marked",
            listed?.value["next_cursor"].string == nil ? nil : "the first \(rows.count)",
        ]
        let old = listed == nil ? "" : note(of: list.part)
        return ScreenLine(names + [TextSpan("  " + notes.compactMap(\.self).joined(separator: ", ") + old, .dim)])
    }

    private func table(width: Int, height: Int) -> [ScreenLine] {
        let rows = rows
        let table = TextTable(columns: columns, rows: rows.map(\.cells))
        let lines = table.lines(width: max(1, width - 2))
        guard !rows.isEmpty else { return [ScreenLine("  " + lines[0], .bold), ScreenLine("  Nothing.", .dim)] }
        let cursor = index(in: rows) ?? 0
        let count = max(1, height - 1)
        let first = min(max(0, cursor - count / 2), max(0, rows.count - count))
        let shown = rows.indices.dropFirst(first).prefix(count).map { index in
            let sign = marked.contains(rows[index].key) ? "*" : index == cursor ? ">" : " "
            let text = "\(sign) \(lines[index + 1])"
            return index == cursor
                ? ScreenLine(text.padded(columns: width), .reverse) : ScreenLine(text, rows[index].style(in: view))
        }
        return [ScreenLine("  " + lines[0], .bold)] + shown
    }

    // MARK: One row, help

    /// Everything about the row that is shown in full.
    var detailLines: [String] {
        guard let detail else { return [] }
        let width = max(30, size.columns)
        guard let request = detail.request else {
            let row = rows.first { $0.key == detail.row.key } ?? detail.row
            return FieldList(row.item, first: view.order).lines(width: width)
        }
        guard let loaded = parts[.detail], loaded.request == request else { return ["Loading…"] }
        if let refusal = loaded.refusal { return FieldList(rows: [("", refusal)]).lines(width: width) }
        return FieldList(loaded.value, first: view.order).lines(width: width)
    }

    private var helpLines: [ScreenLine] {
        let verbs = TopVerb.of(view).map { (name: String($0.key), value: "\($0.title) the row, or all marked rows") }
        let keys: [(name: String, value: String)] = [
            ("1 … 5, Tab", "views; h and l too"), ("j k, arrows", "move; g and G, PgUp and PgDn too"),
            ("Enter", "the jobs of a queue; everything about another row"), ("i", "everything about the row"),
            ("Esc", "back"), ("/", "only rows that contain a text"), ("s", "jobs in other states"),
            ("space, A", "mark a row, all rows"), ("p", "freeze, continue"), ("q", "quit"),
        ]
        let lines = FieldList(rows: keys + verbs).lines(width: max(30, size.columns))
        return [ScreenLine("Keys; any key goes back", .bold)] + lines.map { ScreenLine($0) }
    }

    // MARK: The last lines

    private var footer: [ScreenLine] {
        if let prompt {
            let isBad = message?.isBad == true
            let note = isBad ? Self.wrapped(message?.text ?? "", width: size.columns, .bad) : []
            return note + Self.wrapped(prompt.line, width: size.columns, .bold)
        }
        if let message { return Self.wrapped(message.text, width: size.columns, message.isBad ? .bad : .plain) }
        let verbs = TopVerb.of(view).map { "\($0.key) \($0.hint)" }
        let hints = (["q quit", "? help"] + verbs + ["/ filter", "Enter open"]).map { TextSpan($0, .dim) }
        // What does not fit is in the help.
        return Array(ScreenLine.flowing(hints, width: size.columns).prefix(1))
    }

    /// A text on as many lines as it needs, at most four.
    private static func wrapped(_ text: String, width: Int, _ style: TextStyle) -> [ScreenLine] {
        FieldList.wrapped(TerminalText.oneLine(text), max(20, width)).prefix(4).map { ScreenLine($0, style) }
    }
}
