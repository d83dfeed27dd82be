// External text for use in a sentence: no cursor movement, no bidirectional controls.

extension String {
    /// At most `limit` characters, with `?` for those that are not displayed as themselves.
    func quotable(limit: Int) -> String {
        var text = ""
        for scalar in unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
                text.append("?")
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
