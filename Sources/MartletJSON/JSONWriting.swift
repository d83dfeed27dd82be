// Writes JSON: unchanged for the server, safe for terminals.

extension JSONValue {
    /// The bytes for the server, in the original spelling.
    package var bytes: [UInt8] {
        var text = ""
        append(to: &text, JSONLayout(isForPeople: false))
        return Array(text.utf8)
    }

    /// One line for people and programs.
    package var line: String {
        var text = ""
        append(to: &text, JSONLayout(isForPeople: true))
        return text
    }

    /// Several lines for people and programs.
    package var pretty: String {
        var text = ""
        append(to: &text, JSONLayout(isForPeople: true, indent: "  "))
        return text
    }

    fileprivate func append(to text: inout String, _ layout: JSONLayout) {
        switch self {
        case .spelled(let spelling): text += layout.spelling(spelling)
        case .array(let items):
            layout.list(items, "[", "]", to: &text) { item, text, layout in item.append(to: &text, layout) }
        case .object(let object):
            layout.list(object.fields, "{", "}", to: &text) { field, text, layout in
                text += "\"\(layout.spelling(field.spelledName))\":\(layout.indent == nil ? "" : " ")"
                field.value.append(to: &text, layout)
            }
        }
    }
}

/// The layout of JSON output.
private struct JSONLayout {
    /// Whether terminal control characters are escaped.
    var isForPeople: Bool
    /// The indentation of each level; `nil` writes one line.
    var indent: String?
    private var margin = "\n"

    init(isForPeople: Bool, indent: String? = nil) {
        self.isForPeople = isForPeople
        self.indent = indent
    }

    func spelling(_ text: String) -> String { isForPeople ? JSONStringEscapes.harmless(text) : text }

    /// Writes a list or an object; an empty one on one line.
    func list<Item>(
        _ items: [Item], _ opening: String, _ closing: String, to text: inout String,
        _ write: (Item, inout String, JSONLayout) -> Void
    ) {
        text += opening
        var inner = self
        if let indent { inner.margin += indent }
        for (index, item) in items.enumerated() {
            if index > 0 { text += "," }
            if indent != nil { text += inner.margin }
            write(item, &text, inner)
        }
        if indent != nil, !items.isEmpty { text += margin }
        text += closing
    }
}
