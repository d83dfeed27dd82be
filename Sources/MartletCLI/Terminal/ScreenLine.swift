// Lines of a screen with their styles. All text is cleaned when a line is made, so it cannot control the terminal.

import MartletCommandSupport

/// How a part of a line looks.
enum TextStyle: Sendable, Equatable {
    case plain, bold, dim, reverse
    /// Something needs attention, is wrong, or is right. Without colours these look plain.
    case warning, bad, good

    /// The numbers of the control sequence that selects the style.
    ///
    /// - Parameter colors: whether colours are allowed.
    fileprivate func codes(colors: Bool) -> String? {
        switch self {
        case .plain: nil
        case .bold: "1"
        case .dim: "2"
        case .reverse: "7"
        case .warning: colors ? "33" : nil
        case .bad: colors ? "31" : nil
        case .good: colors ? "32" : nil
        }
    }
}

/// A part of a line in one style.
struct TextSpan: Sendable, Equatable {
    let text: String
    var style: TextStyle

    init(_ text: String, _ style: TextStyle = .plain) {
        self.text = TerminalText.oneLine(text)
        self.style = style
    }
}

/// A line of a screen.
struct ScreenLine: Sendable, Equatable {
    var spans: [TextSpan]

    init(_ spans: [TextSpan]) { self.spans = spans }

    init(_ text: String = "", _ style: TextStyle = .plain) { spans = [TextSpan(text, style)] }

    /// The text without styles.
    var text: String { spans.map(\.text).joined() }

    /// The line as a terminal takes it.
    ///
    /// - Parameters:
    ///   - width: the columns of the terminal; the rest of a longer line is cut off.
    ///   - colors: whether colours are allowed.
    func rendered(width: Int, colors: Bool) -> String {
        var left = width
        var result = ""
        for span in spans {
            let text = span.text.prefix(columns: left)
            left -= text.columns
            guard let codes = span.style.codes(colors: colors) else {
                result += text
                continue
            }
            result += "\u{1B}[\(codes)m\(text)\u{1B}[0m"
        }
        return result
    }
}

/// What a terminal shows, so that only lines that changed are written again.
struct FrameWriter: Sendable {
    private var shown: [String] = []

    /// The control sequences that turn the shown lines into new ones.
    ///
    /// - Parameter lines: the lines as the terminal takes them, not more than it has rows.
    mutating func update(_ lines: [String]) -> String {
        var result = ""
        for (index, line) in lines.enumerated() where index >= shown.count || shown[index] != line {
            result += "\u{1B}[\(index + 1);1H\(line)\u{1B}[K"
        }
        if lines.count < shown.count { result += "\u{1B}[\(lines.count + 1);1H\u{1B}[J" }
        shown = lines
        return result
    }

    /// Forgets what is shown, and returns the sequence that empties the screen.
    mutating func clear() -> String {
        shown = []
        return "\u{1B}[2J"
    }
}
