// The shapes of Martlet's pictures, in colours that are readable in light and dark mode.

/// Shapes of a picture.
struct SVGCanvas: Sendable {
    private let width: Double
    private var shapes: [String] = []

    init(width: Double) { self.width = width }

    /// A text; its place is the start, the middle or the end of its base line.
    mutating func text(_ text: String, x: Double, y: Double, class name: String = "", anchor: String = "start") {
        let anchor = anchor == "start" ? "" : " text-anchor=\"\(anchor)\""
        shapes.append("<text x=\"\(place(x))\" y=\"\(place(y))\"\(kind(name))\(anchor)>\(Self.escaped(text))</text>")
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class name: String) {
        shapes.append(
            "<line x1=\"\(place(x1))\" y1=\"\(place(y1))\" x2=\"\(place(x2))\" y2=\"\(place(y2))\"\(kind(name))/>")
    }

    mutating func bar(_ x: Double, _ y: Double, _ width: Double, _ height: Double, class name: String) {
        shapes.append(
            "<rect x=\"\(place(x))\" y=\"\(place(y))\" width=\"\(place(width))\" height=\"\(place(height))\" rx=\"2\"\(kind(name))/>"
        )
    }

    /// The file: it brings its own background, so that text and ground change together.
    func document(height: Double, title: String, description: String) -> String {
        let size = "\(place(width)) \(place(height))"
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(size)" width="\(place(width))" \
            height="\(place(height))" role="img" aria-labelledby="t d">
            <title id="t">\(Self.escaped(title))</title>
            <desc id="d">\(Self.escaped(description))</desc>
            <style>
            \(Self.style)
            </style>
            <rect class="ground" width="\(place(width))" height="\(place(height))" rx="8"/>
            \(shapes.joined(separator: "\n"))
            </svg>

            """
    }

    private static let style = """
        text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1d1d1f; }
        .title { font-size: 17px; font-weight: 600; }
        .head, .own { font-weight: 600; }
        .soft { font-size: 11px; fill: #66666b; }
        .ground { fill: #ffffff; }
        .grid { stroke: #dcdce0; }
        .axis { stroke: #8e8e93; }
        .range { stroke: #1d1d1f; stroke-width: 1.2; }
        rect.own { fill: #e2572b; }
        rect.peer { fill: #8a9bb4; }
        rect.bound { fill: none; stroke: #8a9bb4; stroke-dasharray: 3 2; }
        @media (prefers-color-scheme: dark) {
        text { fill: #f2f2f5; }
        .soft { fill: #a5a5ab; }
        .ground { fill: #1b1b1e; }
        .grid { stroke: #3b3b40; }
        .axis { stroke: #7c7c82; }
        .range { stroke: #f2f2f5; }
        rect.own { fill: #f0693d; }
        rect.peer { fill: #66768f; }
        rect.bound { stroke: #8a9bb4; }
        }
        """

    private func kind(_ name: String) -> String { name.isEmpty ? "" : " class=\"\(name)\"" }

    /// Rounds a length to a tenth, without a trailing zero.
    private func place(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        let sign = tenths < 0 ? "-" : ""
        let rest = tenths.magnitude % 10
        return sign + String(tenths.magnitude / 10) + (rest == 0 ? "" : ".\(rest)")
    }

    /// Escapes text for XML and drops characters that XML does not allow.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default:
                let isCharacter = scalar.value >= 0x20 && scalar.value != 0xFFFE && scalar.value != 0xFFFF
                if isCharacter || scalar == "\n" || scalar == "\t" { result.unicodeScalars.append(scalar) }
            }
        }
        return result
    }
}
