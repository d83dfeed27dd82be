// Text from outside as a sentence may quote it: nothing in it moves a cursor or turns the direction of reading.

extension String {
    /// At most `limit` characters, with `?` in place of those that are not shown as themselves.
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
