// Which texts may name something that people read in lists, logs and terminals: types, unique keys, tags.

extension StringProtocol {
    /// Whether the text has 1 to `limit` bytes and nothing that hides or moves other text when it is shown.
    ///
    /// Refused are control characters (C0, DEL and C1), line and paragraph separators, and the marks that change the
    /// direction of text.
    package func isLabel(upTo limit: Int) -> Bool {
        guard (1...limit).contains(utf8.count) else { return false }
        // Most labels are plain ASCII, and then no character has to be looked up.
        return utf8.allSatisfy { (0x20..<0x7F).contains($0) } || !unicodeScalars.contains(where: \.isHidden)
    }
}

extension Unicode.Scalar {
    fileprivate var isHidden: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: properties.isBidiControl
        }
    }
}
