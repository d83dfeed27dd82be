// `martlet-bench report`: what several runs found, as tables, goals and plots.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport

struct BenchReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Turn results into a comparison: tables, goals, plots.",
        discussion: """
            Reads the lines that "martlet-bench -o jsonl" prints, of one or of several calls. Each value is the median \
            of all runs, with the smallest and the largest in parentheses.
            """)

    @Argument(help: "Files of results.")
    var files: [String]
    @Flag(help: "Print Markdown.")
    var markdown = false
    @Option(help: ArgumentHelp("Also write a plot of the throughput.", valueName: "file"))
    var svg: String?
    @Option(name: .customLong("latency-svg"), help: ArgumentHelp("Also write a plot of latencies.", valueName: "file"))
    var latencySVG: String?

    func run() throws {
        let report = try BenchReport(
            files.map { path in
                guard let data = FileManager.default.contents(atPath: path) else {
                    throw CommandFailure(.usage, "\(path) cannot be read")
                }
                return (path, String(decoding: data, as: UTF8.self))
            })
        let page = BenchPage(report: report)
        let console = Console.standard
        console.text(markdown ? page.markdown : page.text(width: console.width))
        try write(BenchPlots.throughput(report), to: svg)
        try write(BenchPlots.latency(report), to: latencySVG)
    }

    private func write(_ plot: BarPlot, to path: String?) throws {
        guard let path else { return }
        guard !plot.panels.isEmpty else { throw CommandFailure(.usage, "\(path): the results have nothing to plot") }
        guard FileManager.default.createFile(atPath: path, contents: Data(plot.svg.utf8)) else {
            throw CommandFailure(.failed, "\(path) cannot be written")
        }
    }
}
