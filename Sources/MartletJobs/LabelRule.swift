// The rule for labels that people read in lists, logs and terminals: types, unique keys, tags.

extension StringProtocol {
    /// Whether the text has 1 to `limit` bytes and no character that hides or moves other text.
    ///
    /// Control characters (C0, DEL and C1), line and paragraph separators, and bidirectional controls are refused.
    package func isLabel(upTo limit: Int) -> Bool {
        guard (1...limit).contains(utf8.count) else { return false }
        // Most labels are printable ASCII, which needs no lookup. Walking a buffer costs a tenth of walking the view.
        let isPlain = utf8.withContiguousStorageIfAvailable { $0.allSatisfy(Self.isPrintable) }
        return isPlain ?? utf8.allSatisfy(Self.isPrintable) || !unicodeScalars.contains(where: \.isHidden)
    }

    private static func isPrintable(_ byte: UInt8) -> Bool { (0x20..<0x7F).contains(byte) }
}

extension Unicode.Scalar {
    fileprivate var isHidden: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: properties.isBidiControl
        }
    }
}
