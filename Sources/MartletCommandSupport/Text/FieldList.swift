// One object for display: a line per field, nested objects with dotted names, long values wrapped.

package import MartletJSON

/// The fields of one object.
package struct FieldList {
    /// Fields with user content, shown as JSON.
    package static let opaque: Set<String> = ["payload", "metadata", "result", "output", "checkpoint"]

    private let rows: [(name: String, value: String)]

    /// Creates a list of names and texts.
    package init(rows: [(name: String, value: String)]) {
        self.rows = rows.map { (TerminalText.oneLine($0.name), TerminalText.oneLine($0.value)) }
    }

    /// Creates a list of all fields, the given ones first.
    package init(_ item: JSONValue, first names: [String]) {
        guard let object = item.object else {
            rows = [("", TerminalText.oneLine(OutputOptions.cell(item)))]
            return
        }
        let leading = names.filter { object[$0] != nil }
        let others = object.names.filter { !names.contains($0) }
        rows = (leading + others).flatMap { Self.rows($0, object[$0] ?? .null) }
    }

    /// The lines; values wrap at `width` if there is one.
    package func lines(width: Int?) -> [String] {
        let left = rows.map(\.name.columns).max() ?? 0
        return rows.flatMap { row -> [String] in
            let parts = Self.wrapped(row.value, width.map { max(20, $0 - left - 2) })
            return parts.enumerated().map { index, part in
                let name = index == 0 ? row.name : ""
                return (name.padded(columns: left + 2) + part).withoutTrailingSpaces
            }
        }
    }

    private static func rows(_ name: String, _ value: JSONValue) -> [(name: String, value: String)] {
        let label = TerminalText.oneLine(name)
        guard !opaque.contains(name) else { return [(label, value.isNull ? "" : value.line)] }
        if let object = value.object, !object.fields.isEmpty {
            return object.names.flatMap { inner in rows("\(name).\(inner)", object[inner] ?? .null) }
        }
        return [(label, TerminalText.oneLine(OutputOptions.cell(value)))]
    }

    /// Wraps a text at spaces if possible.
    ///
    /// - Parameter width: the columns of a line; `nil` when it may have any number.
    package static func wrapped(_ text: String, _ width: Int?) -> [String] {
        guard let width, text.columns > width else { return [text] }
        var lines: [String] = []
        var rest = text[...]
        while rest.columns > width {
            var line = rest.prefix(columns: width)
            if rest[line.endIndex...].first != " ", let space = line.lastIndex(of: " "),
                line.distance(from: space, to: line.endIndex) < width / 2
            {
                line = line[..<space]
            }
            lines.append(String(line))
            rest = rest[line.endIndex...].drop { $0 == " " }
        }
        return lines + (rest.isEmpty ? [] : [String(rest)])
    }
}
