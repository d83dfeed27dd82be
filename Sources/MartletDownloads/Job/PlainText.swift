// Cleans external text for error messages, so that it cannot control a terminal.

import MartletJobs

enum PlainText {
    private static let longestQuote = 80

    /// The text with control, bidirectional and invisible characters replaced by their code points.
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

    /// A server-controlled value for a message: cleaned, quoted and truncated.
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
