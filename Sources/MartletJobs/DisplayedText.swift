// The characters of external text that are not displayed as they are, and their escapes.

extension Unicode.Scalar {
    /// Whether the character moves the cursor, controls the terminal, or reorders or hides text.
    ///
    /// These are all control and format characters, and line and paragraph separators. The two joiners are allowed,
    /// since scripts and emoji need them and they have no other effect.
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
