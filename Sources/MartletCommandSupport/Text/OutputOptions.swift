// `-o`: the output format of a command.

package import ArgumentParser
package import MartletJSON

/// The output formats.
package enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// For people.
    case table
    /// The server's response.
    case json
    /// One line of JSON per item.
    case jsonl

    /// The format requested on a command line, even if the rest of it is invalid.
    package static func asked(in arguments: [String]) -> OutputFormat {
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
package struct OutputOptions: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Output format: table, json or jsonl (one line for each item).", valueName: "form"))
    package var format: OutputFormat = .table

    package init() {}

    /// Shows a list.
    package func show(_ items: [JSONValue], as view: ItemView, console: Console = .standard) {
        switch format {
        case .json: console.out(JSONValue.array(items).pretty)
        case .jsonl: for item in items { console.out(item.line) }
        case .table:
            let table = TextTable(columns: view.columns, rows: items.map(view.row))
            for line in table.lines(width: console.width) { console.out(line) }
            let hidden = table.hidden(width: console.width)
            if !hidden.isEmpty { console.note("Hidden columns (narrow terminal): \(hidden.joined(separator: ", ")).") }
        }
    }

    /// Shows one object, field by field.
    package func show(_ item: JSONValue, first names: [String] = [], console: Console = .standard) {
        switch format {
        case .json: console.out(item.pretty)
        case .jsonl: console.out(item.line)
        case .table:
            for line in FieldList(item, first: names).lines(width: console.width) { console.out(line) }
        }
    }

    /// A value as a table cell, which is text for people and never JSON: `queued 3, active 1` for an object.
    package static func cell(_ value: JSONValue) -> String {
        if value.isNull { return "" }
        if let items = value.array {
            let isFlat = items.allSatisfy { $0.array == nil && $0.object == nil }
            return items.map(cell).joined(separator: isFlat ? ", " : "; ")
        }
        if let object = value.object {
            return object.names.map { "\($0) \(part(object[$0] ?? .null))" }.joined(separator: ", ")
        }
        return value.string ?? value.line
    }

    /// A value inside an object: in parentheses where it has parts of its own.
    private static func part(_ value: JSONValue) -> String {
        value.array == nil && value.object == nil ? cell(value) : "(\(cell(value)))"
    }
}

/// The columns of an item and their fields.
package struct ItemView: Sendable {
    /// A column and how its cell is computed.
    package struct Field: Sendable {
        package var column: TextTable.Column
        package var cell: @Sendable (JSONValue) -> String

        /// A column with an unchanged field.
        package static func text(_ title: String, _ names: String...) -> Field {
            Field(column: .init(title: title)) { item in OutputOptions.cell(first(names, item)) }
        }

        /// A column of numbers.
        package static func number(_ title: String, _ names: String...) -> Field {
            Field(column: .init(title: title, isNumber: true)) { item in OutputOptions.cell(first(names, item)) }
        }

        /// A column of formatted numbers.
        package static func number(
            _ title: String, _ name: String, _ form: @escaping @Sendable (Double) -> String
        ) -> Field {
            Field(column: .init(title: title, isNumber: true)) { item in item[name].double.map(form) ?? "" }
        }

        /// A column of computed texts.
        package static func text(_ title: String, _ cell: @escaping @Sendable (JSONValue) -> String) -> Field {
            Field(column: .init(title: title), cell: cell)
        }

        /// A column of computed numbers.
        package static func number(_ title: String, _ cell: @escaping @Sendable (JSONValue) -> String) -> Field {
            Field(column: .init(title: title, isNumber: true), cell: cell)
        }

        /// The column with cells that may be shortened to `least` terminal columns.
        package func shortened(to least: Int, _ cut: TextTable.Column.Cut = .end) -> Field {
            var field = self
            field.column.least = least
            field.column.cut = cut
            return field
        }

        /// The column as an optional one; a larger rank is hidden first.
        package func optional(_ rank: Int) -> Field {
            var field = self
            field.column.rank = rank
            return field
        }

        private static func first(_ names: [String], _ item: JSONValue) -> JSONValue {
            names.lazy.map { item[$0] }.first { !$0.isNull } ?? .null
        }
    }

    package var fields: [Field]

    package init(_ fields: Field...) { self.fields = fields }

    package var columns: [TextTable.Column] { fields.map(\.column) }

    /// The cells of an item.
    package func row(_ item: JSONValue) -> [String] { fields.map { $0.cell(item) } }
}
