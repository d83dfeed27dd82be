// `-o`: how a command shows its answer.

import ArgumentParser

/// The forms of an answer.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// For people.
    case table
    /// The server's answer.
    case json
    /// One line of JSON for each item.
    case jsonl
}

/// `-o table|json|jsonl`.
struct OutputOptions: ParsableArguments {
    @Option(name: [.customShort("o"), .customLong("output")], help: "Form of the answer: table, json or jsonl.")
    var format: OutputFormat = .table

    /// Shows a list.
    func show(_ items: [JSON], as view: ItemView, console: Console = .standard) {
        switch format {
        case .json: console.out(JSON.array(items).pretty)
        case .jsonl: for item in items { console.out(item.line) }
        case .table:
            let table = TextTable(columns: view.columns, rows: items.map(view.row))
            for line in table.lines(width: console.width) { console.out(line) }
        }
    }

    /// Shows one object, field by field.
    func show(_ item: JSON, first names: [String] = [], console: Console = .standard) {
        switch format {
        case .json: console.out(item.pretty)
        case .jsonl: console.out(item.line)
        case .table: for line in Self.fields(item, first: names, width: console.width) { console.out(line) }
        }
    }

    /// A line for each field, the named ones first.
    private static func fields(_ item: JSON, first names: [String], width: Int?) -> [String] {
        guard let object = item.object else { return [cell(item)] }
        let order = names.filter { object[$0] != nil } + object.keys.filter { !names.contains($0) }.sorted()
        let rows = order.map { [$0, cell(object[$0] ?? .null)] }
        let table = TextTable(columns: [.init(title: ""), .init(title: "")], rows: rows)
        return Array(table.lines(width: width).dropFirst())
    }

    /// A value in a cell.
    static func cell(_ value: JSON) -> String {
        switch value {
        case .null: ""
        case .string(let text): text
        default: value.line
        }
    }
}

/// Which fields of an item stand in which column.
struct ItemView: Sendable {
    /// A column and how its cell comes from an item.
    struct Field: Sendable {
        var column: TextTable.Column
        var cell: @Sendable (JSON) -> String

        /// A column with a field as it is.
        static func text(_ title: String, _ names: String...) -> Field {
            Field(column: .init(title: title)) { item in OutputOptions.cell(first(names, item)) }
        }

        /// A column of numbers.
        static func number(_ title: String, _ names: String...) -> Field {
            Field(column: .init(title: title, isNumber: true)) { item in OutputOptions.cell(first(names, item)) }
        }

        /// A column of numbers in another form.
        static func number(
            _ title: String, _ name: String, _ form: @escaping @Sendable (Double) -> String
        ) -> Field {
            Field(column: .init(title: title, isNumber: true)) { item in item[name].double.map(form) ?? "" }
        }

        /// A column of texts that are computed.
        static func text(_ title: String, _ cell: @escaping @Sendable (JSON) -> String) -> Field {
            Field(column: .init(title: title), cell: cell)
        }

        /// A column of numbers that are computed.
        static func number(_ title: String, _ cell: @escaping @Sendable (JSON) -> String) -> Field {
            Field(column: .init(title: title, isNumber: true), cell: cell)
        }

        private static func first(_ names: [String], _ item: JSON) -> JSON {
            names.lazy.map { item[$0] }.first { $0 != .null } ?? .null
        }
    }

    var fields: [Field]

    init(_ fields: Field...) { self.fields = fields }

    var columns: [TextTable.Column] { fields.map(\.column) }

    /// The cells of an item.
    func row(_ item: JSON) -> [String] { fields.map { $0.cell(item) } }
}
