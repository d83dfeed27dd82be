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

    /// The form that a command line asks for, also where the rest of it is wrong.
    static func asked(in arguments: [String]) -> OutputFormat {
        for (index, argument) in arguments.enumerated() {
            if argument == "--" { break }
            for name in ["-o", "--output"] {
                if argument == name { return arguments.dropFirst(index + 1).first.flatMap(Self.init) ?? .table }
                if argument.hasPrefix(name + "=") {
                    return Self(rawValue: String(argument.dropFirst(name.count + 1))) ?? .table
                }
            }
        }
        return .table
    }
}

/// `-o table|json|jsonl`.
struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Form of the answer: table, json or jsonl (one line for each item).", valueName: "form"))
    var format: OutputFormat = .table

    /// Shows a list.
    func show(_ items: [JSON], as view: ItemView, console: Console = .standard) {
        switch format {
        case .json: console.out(JSON.array(items).pretty)
        case .jsonl: for item in items { console.out(item.line) }
        case .table:
            let table = TextTable(columns: view.columns, rows: items.map(view.row))
            for line in table.lines(width: console.width) { console.out(line) }
            let hidden = table.hidden(width: console.width)
            if !hidden.isEmpty { console.note("Hidden columns (narrow terminal): \(hidden.joined(separator: ", ")).") }
        }
    }

    /// Shows one object, field by field.
    func show(_ item: JSON, first names: [String] = [], console: Console = .standard) {
        switch format {
        case .json: console.out(item.pretty)
        case .jsonl: console.out(item.line)
        case .table:
            for line in FieldList(item, first: names).lines(width: console.width) { console.out(line) }
        }
    }

    /// A value in a cell.
    static func cell(_ value: JSON) -> String {
        if value.isNull { return "" }
        return value.string ?? value.line
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

        /// The column with cells that may be shortened to so many columns of the terminal.
        func shortened(to least: Int, _ cut: TextTable.Column.Cut = .end) -> Field {
            var field = self
            field.column.least = least
            field.column.cut = cut
            return field
        }

        /// The column as one that is left out where there is little room; a larger rank goes first.
        func optional(_ rank: Int) -> Field {
            var field = self
            field.column.rank = rank
            return field
        }

        private static func first(_ names: [String], _ item: JSON) -> JSON {
            names.lazy.map { item[$0] }.first { !$0.isNull } ?? .null
        }
    }

    var fields: [Field]

    init(_ fields: Field...) { self.fields = fields }

    var columns: [TextTable.Column] { fields.map(\.column) }

    /// The cells of an item.
    func row(_ item: JSON) -> [String] { fields.map { $0.cell(item) } }
}
