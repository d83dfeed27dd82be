// Horizontal bars in panels, and how they become a picture.

/// Panels of bars, one below the other.
struct BarPlot: Sendable {
    var title: String
    var panels: [Panel]

    /// Bars that share a scale.
    struct Panel: Sendable {
        var title: String
        /// The unit of the values, for the line below the title.
        var unit: String
        var bars: [Bar]
    }

    /// One system.
    struct Bar: Sendable {
        enum Kind: String, Sendable {
            case own, peer, bound
        }

        var label: String
        var kind: Kind
        /// The length of the bar.
        var value: Double
        /// The ends of the thin line over it: of several runs, or of a range.
        var range: ClosedRange<Double>?
        /// The text after the bar.
        var text: String
    }

    /// The positions and sizes within the picture, in its units.
    private enum Measure {
        static let width = 760.0
        static let left = 150.0
        static let right = 130.0
        static let margin = 20.0
        static let row = 24.0
        static let bar = 13.0
        static var area: Double { width - left - right }
    }

    /// The picture.
    var svg: String {
        var canvas = SVGCanvas(width: Measure.width)
        var y = Measure.margin + 16
        canvas.text(title, x: Measure.margin, y: y, class: "title")
        y += 14
        for panel in panels { Self.draw(panel, on: &canvas, y: &y) }
        return canvas.document(height: y + 6, title: title, description: description)
    }

    /// The picture in words, for those who cannot see it.
    private var description: String {
        panels.map { panel in
            "\(panel.title), \(panel.unit): " + panel.bars.map { "\($0.label) \($0.text)" }.joined(separator: ", ")
        }.joined(separator: ". ") + "."
    }

    private static func draw(_ panel: Panel, on canvas: inout SVGCanvas, y: inout Double) {
        let scale = BarScale(
            panel.bars.flatMap { [$0.value] + ($0.range.map { [$0.lowerBound, $0.upperBound] } ?? []) })
        y += 24
        canvas.text(panel.title, x: Measure.margin, y: y, class: "head")
        y += 17
        canvas.text(
            panel.unit + (scale.isLogarithmic ? ", logarithmic scale" : ""), x: Measure.margin, y: y, class: "soft")
        y += 8
        let (top, bottom) = (y, y + Double(panel.bars.count) * Measure.row)
        for tick in scale.ticks {
            let x = Measure.left + scale.position(tick) * Measure.area
            canvas.line(x, top, x, bottom + 4, class: "grid")
            canvas.text(BenchNumber.limit(tick), x: x, y: bottom + 17, class: "soft", anchor: "middle")
        }
        for bar in panel.bars {
            draw(bar, scale, on: &canvas, middle: y + Measure.row / 2)
            y += Measure.row
        }
        canvas.line(Measure.left, top, Measure.left, bottom + 4, class: "axis")
        y += 22
    }

    private static func draw(_ bar: Bar, _ scale: BarScale, on canvas: inout SVGCanvas, middle: Double) {
        let length = max(1.5, scale.position(bar.value) * Measure.area)
        canvas.text(
            bar.label, x: Measure.left - 8, y: middle + 4.5, class: bar.kind == .own ? "own" : "", anchor: "end")
        canvas.bar(Measure.left, middle - Measure.bar / 2, length, Measure.bar, class: bar.kind.rawValue)
        var end = Measure.left + length
        if let range = bar.range {
            let low = Measure.left + scale.position(range.lowerBound) * Measure.area
            let high = Measure.left + scale.position(range.upperBound) * Measure.area
            canvas.line(low, middle, high, middle, class: "range")
            for x in [low, high] { canvas.line(x, middle - 3.5, x, middle + 3.5, class: "range") }
            end = max(end, high)
        }
        canvas.text(bar.text, x: end + 7, y: middle + 4.5, class: bar.kind == .own ? "own" : "")
    }
}
