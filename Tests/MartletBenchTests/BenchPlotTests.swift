// The plots: scales on which all bars can be seen, and pictures that every reader of XML accepts.

import Testing

@testable import MartletBench

@Suite struct BenchPlotTests {
    @Test func `bars that are near each other begin at zero`() {
        let scale = BarScale([100, 50, 10])
        #expect(!scale.isLogarithmic)
        #expect(scale.position(0) == 0)
        #expect(abs(scale.position(50) / scale.position(100) - 0.5) < 1e-9)
        #expect(scale.ticks == [0, 20, 40, 60, 80, 100])
    }

    @Test func `bars of different magnitude use a logarithmic scale, and the smallest is visible`() {
        let scale = BarScale([180_000, 200])
        #expect(scale.isLogarithmic)
        #expect(scale.ticks == [100, 1000, 10_000, 100_000])
        #expect(scale.position(200) > 0.05)
        #expect(scale.position(180_000) > 0.95)
        let steps = [100.0, 1000, 10_000, 100_000].map(scale.position)
        #expect(abs((steps[2] - steps[1]) - (steps[3] - steps[2])) < 1e-9)
    }

    @Test(arguments: [[], [0], [5], [0.001, 0.002], [1e9, 1], [.infinity, 3]] as [[Double]])
    func `every value has a place between the ends`(_ values: [Double]) {
        let scale = BarScale(values)
        #expect(scale.ticks.count <= 12)
        #expect((values + scale.ticks).allSatisfy { (0...1).contains(scale.position($0)) })
    }

    @Test func `the plot of a report is well-formed and has a bar for each system`() throws {
        let report = try ReportSamples.report(ReportSamples.text)
        let plot = BenchPlots.throughput(report)
        #expect(plot.panels.map(\.title) == ["Run, 100 at a time"])
        #expect(
            plot.panels.first?.bars.map(\.label) == [
                "one Redis core", "Martlet", "BullMQ (Python)", "Sidekiq (no ack)",
            ])
        let names = try XMLShape.elements(plot.svg)
        #expect(names.first == "svg")
        #expect(names.count { $0 == "rect" } == 5, "the ground and four bars")
        #expect(plot.svg.contains("prefers-color-scheme: dark"))
        #expect(!plot.svg.contains("url(") && !plot.svg.contains("@import"), "nothing is loaded from elsewhere")
    }

    @Test func `the latency plot has median and 99th percentile`() throws {
        let lines = [
            ReportSamples.line(.latency, "idle", "martlet", 1, [.p50: 0.2, .p99: 0.5]),
            ReportSamples.line(.latency, "idle", "arq", 1, [.p50: 250, .p99: 490]),
        ]
        let plot = BenchPlots.latency(try ReportSamples.report(lines[0], lines[1]))
        let bars = try #require(plot.panels.first?.bars)
        #expect(bars.map(\.text) == ["0.200 / 0.500", "250 / 490"])
        #expect(bars[0].range == 0.2...0.5)
        #expect(try XMLShape.elements(plot.svg).contains("desc"))
        #expect(plot.svg.contains("logarithmic scale"))
    }

    @Test func `any text can be part of a picture`() throws {
        let bar = BarPlot.Bar(label: "<&\"'>\u{1}", kind: .own, value: 1, text: "]]>")
        let plot = BarPlot(title: "a & b", panels: [.init(title: "<p>", unit: "\"", bars: [bar])])
        let names = try XMLShape.elements(plot.svg)
        #expect(!names.contains("p"))
        #expect(plot.svg.contains("&lt;&amp;&quot;'&gt;</text>"))
    }

    @Test func `results without ours have no plot`() throws {
        #expect(BenchPlots.throughput(try ReportSamples.report(ReportSamples.drain("rq", 1, 7))).panels.isEmpty)
    }

    @Test func `what is not well-formed is found`() {
        for text in ["<a>", "<a></b>", "<a b></a>", "<a b=\"1></a>", "<a>&</a>", "<a/><b/>", "<a>\u{1}</a>", "x<a/>"] {
            #expect(throws: XMLShape.Problem.self, "\(text)") { try XMLShape.elements(text) }
        }
    }
}
