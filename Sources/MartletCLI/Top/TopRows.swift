// The rows of the view in `martlet top`, and the place of the cursor among them.

import MartletCommandSupport
import MartletJSON

/// Where the cursor is: on a row, which it follows, or where that row was.
struct TopCursor: Sendable, Equatable {
    var key: String
    var index: Int
}

/// Everything about one row.
struct TopDetail: Sendable {
    var row: TopRow
    /// What loads it; `nil` where the row has everything.
    var request: TopRequest?
    /// How many lines are above the screen.
    var offset = 0
}

extension TopState {
    /// What was loaded for the view.
    var listed: TopLoaded? {
        guard let loaded = parts[list.part], loaded.request == list else { return nil }
        return loaded
    }

    /// The columns of the view.
    var columns: [TextTable.Column] {
        guard view == .queues else { return view.columns.columns }
        return view.columns.columns + [
            .init(title: "DONE/S", isNumber: true, rank: 3), .init(title: "LAST MINUTE", rank: 7),
            .init(title: "PAUSED BECAUSE", least: 14, rank: 1),
        ]
    }

    /// The rows that the filter lets through.
    var rows: [TopRow] {
        let items = listed?.value[Self.member[view] ?? ""].array ?? []
        let rows = items.map { item in
            TopRow(key: Self.key(item, in: view), item: item, cells: view.columns.row(item) + added(item))
        }
        guard !filter.isEmpty else { return rows }
        let text = filter.lowercased()
        return rows.filter { row in row.cells.contains { $0.lowercased().contains(text) } }
    }

    /// The row under the cursor.
    var current: TopRow? {
        let rows = rows
        guard let index = index(in: rows) else { return nil }
        return rows[index]
    }

    /// What an action is about: the row that is shown in full, those that are marked, or the one under the cursor.
    var targets: [TopRow] {
        if let detail { return [detail.row] }
        let chosen = rows.filter { marked.contains($0.key) }
        return chosen.isEmpty ? current.map { [$0] } ?? [] : chosen
    }

    /// The index of the cursor among rows; `nil` when there are none.
    func index(in rows: [TopRow]) -> Int? {
        guard !rows.isEmpty else { return nil }
        guard let cursor = cursors[view] else { return 0 }
        return rows.firstIndex { $0.key == cursor.key } ?? min(cursor.index, rows.count - 1)
    }

    /// Puts the cursor on a row, or on the nearest.
    mutating func move(to index: Int) {
        let rows = rows
        guard !rows.isEmpty else { return cursors[view] = nil }
        let index = min(max(0, index), rows.count - 1)
        cursors[view] = TopCursor(key: rows[index].key, index: index)
    }

    /// Moves the cursor by some rows.
    mutating func move(by step: Int) { move(to: (index(in: rows) ?? 0) + step) }

    /// Keeps the cursor on its row after rows have changed, and forgets marks of rows that are gone.
    mutating func keepCursor() {
        guard listed?.refusal == nil, listed != nil else { return }
        let rows = rows
        marked.formIntersection(rows.map(\.key))
        move(to: index(in: rows) ?? 0)
    }

    private static let member: [TopView: String] = [
        .queues: "queues", .jobs: "jobs", .errors: "jobs", .workers: "workers", .downloads: "downloads",
    ]

    /// Ids of jobs are unique in a queue.
    private static func key(_ item: JSONValue, in view: TopView) -> String {
        switch view {
        case .queues: item["name"].string ?? ""
        case .jobs, .errors: "\(item["queue"].string ?? "")/\(item["id"].string ?? "")"
        case .workers, .downloads: item["id"].string ?? ""
        }
    }

    /// The cells of the columns that only a screen over time has.
    private func added(_ item: JSONValue) -> [String] {
        guard view == .queues else { return [] }
        let name = item["name"].string ?? ""
        let pause = item["pause"].isNull ? item["pause_all"] : item["pause"]
        let by = pause["by"].string.map { "(\($0))" }
        return [
            rates.rate(.completed, of: name).map(HumanReadable.tenths) ?? "",
            rates.bars(.completed, of: name, count: 15),
            [pause["reason"].string, by].compactMap(\.self).joined(separator: " "),
        ]
    }
}
