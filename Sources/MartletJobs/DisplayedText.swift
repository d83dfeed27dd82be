// Which characters of texts from outside are not shown as they are, and how they are spelled instead.

extension Unicode.Scalar {
    /// Whether the character moves the cursor, changes the terminal, reorders or hides text.
    ///
    /// These are all control and format characters and the separators of lines and paragraphs. The two joiners are not
    /// among them, as scripts and emoji need them and they change nothing else.
    package var disturbsDisplay: Bool {
        if value == 0x200C || value == 0x200D { return false }
        return switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// The character as a visible escape such as `\u{9b}`.
    package var visibleEscape: String { "\\u{" + String(value, radix: 16) + "}" }
}
