// Cleans text from outside before it enters an error: what is shown must not steer the terminal of whoever reads it.

import MartletJobs

enum PlainText {
    private static let longestQuote = 80

    /// A text in which control characters, and characters that change the direction of others or are invisible, are
    /// written as their numbers.
    static func cleaned(_ text: String) -> String {
        guard !text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) else { return text }
        var clean = ""
        for scalar in text.unicodeScalars {
            if isHarmful(scalar) {
                clean += scalar.visibleEscape
            } else {
                clean.unicodeScalars.append(scalar)
            }
        }
        return clean
    }

    /// A value that an origin chose, for a message: cleaned, in quotes and cut.
    static func quoted(_ text: String) -> String {
        let kept = text.unicodeScalars.prefix(longestQuote)
        let isCut = kept.endIndex < text.unicodeScalars.endIndex
        return "\"" + cleaned(String(String.UnicodeScalarView(kept))) + (isCut ? "…" : "") + "\""
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.disturbsDisplay { return true }
        return switch scalar.properties.generalCategory {
        case .privateUse, .unassigned: true
        default: false
        }
    }
}
