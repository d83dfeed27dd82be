// The rule for labels that people read in lists, logs and terminals: types, unique keys, tags.

extension StringProtocol {
    /// Whether the text has 1 to `limit` bytes and no character that hides or moves other text.
    ///
    /// Control characters (C0, DEL and C1), line and paragraph separators, and bidirectional controls are refused.
    package func isLabel(upTo limit: Int) -> Bool {
        guard (1...limit).contains(utf8.count) else { return false }
        // Most labels are printable ASCII, which needs no lookup.
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
