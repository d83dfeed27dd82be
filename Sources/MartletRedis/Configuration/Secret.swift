// A password that is never printed.

/// A text that does not appear in descriptions, dumps and logs.
struct Secret: Sendable, Hashable {
    let value: String

    init(_ value: String) { self.value = value }

    /// `text` with every occurrence of the secret masked.
    func hidden(in text: String) -> String {
        value.isEmpty ? text : text.replacing(value, with: "***")
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "***" }
    var debugDescription: String { "***" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
