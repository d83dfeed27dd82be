// The demonstration's output: an updating table, or plain lines in a pipe.

import MartletCommandSupport
import MartletJSON
import MartletJobs

/// Shows the progress of downloads.
struct DemoScreen {
    private let console: Console
    private let started = ContinuousClock.now
    private var drawn = 0
    private var lastLine = ContinuousClock.now - .seconds(10)

    init(_ console: Console = .standard) { self.console = console }

    /// Prints a line above the table.
    mutating func tell(_ text: String) {
        erase()
        console.out("\(clock)  \(text)")
    }

    /// Draws the downloads and their totals.
    mutating func draw(_ downloads: [JSONValue]) {
        if console.isTerminal {
            erase()
            let lines = table(downloads).lines(width: console.width) + ["", sum(downloads)]
            console.out(lines.joined(separator: "\n"))
            drawn = lines.count
        } else if ContinuousClock.now - lastLine >= .seconds(1) {
            lastLine = .now
            console.out("\(clock)  \(sum(downloads))")
        }
    }

    /// Moves the cursor above the table, so that it is overwritten.
    private mutating func erase() {
        guard drawn > 0 else { return }
        console.erase(lines: drawn)
        drawn = 0
    }

    /// Seconds since the start.
    private var clock: String {
        let text = HumanReadable.seconds((ContinuousClock.now - started).inSeconds)
        return String(repeating: " ", count: max(0, 6 - text.count)) + text
    }

    private func table(_ downloads: [JSONValue]) -> TextTable {
        let columns: [TextTable.Column] = [
            .init(title: "FILE", least: 12, cut: .middle), .init(title: "PRIORITY", isNumber: true, rank: 2),
            .init(title: "STATUS"), .init(title: "", rank: 4), .init(title: "DONE", isNumber: true),
            .init(title: "SIZE", isNumber: true, rank: 3), .init(title: "SPEED", isNumber: true, rank: 1),
            .init(title: "ATTEMPT", isNumber: true, rank: 5),
        ]
        let sorted = downloads.sorted { ($0["filename"].string ?? "") < ($1["filename"].string ?? "") }
        let rows = sorted.map { download in
            let share = (download["progress_percent"].double ?? 0) / 100
            let isRunning = download["status"].string == "downloading"
            let speed = download["speed_bytes_per_second"].double
            return [
                download["filename"].string ?? "", OutputOptions.cell(download["priority"]), Self.status(download),
                Self.bar(share), HumanReadable.percent(share * 100),
                download["total_bytes"].double.map(HumanReadable.bytes) ?? "",
                isRunning ? speed.map { HumanReadable.bytes($0) + "/s" } ?? "" : "",
                OutputOptions.cell(download["attempt"]),
            ]
        }
        return TextTable(columns: columns, rows: rows)
    }

    private static func status(_ download: JSONValue) -> String {
        let status = download["status"].string ?? ""
        return status == "queued" && download["retry_at"].string != nil ? "retrying" : status
    }

    private static func bar(_ share: Double) -> String {
        let full = HumanReadable.whole((min(max(share, 0), 1) * 20).rounded())
        return String(repeating: "█", count: full) + String(repeating: "░", count: 20 - full)
    }

    private func sum(_ downloads: [JSONValue]) -> String {
        let counts = Dictionary(grouping: downloads) { Self.status($0) }.mapValues(\.count)
        let words = ["downloading", "queued", "retrying", "pending", "paused", "completed", "failed", "cancelled"]
            .compactMap { word in counts[word].map { "\($0) \(word)" } }
        let bytes = downloads.reduce(0) { $0 + ($1["bytes_downloaded"].double ?? 0) }
        return words.joined(separator: ", ") + "; \(HumanReadable.bytes(bytes)) of "
            + HumanReadable.bytes(Double(DemoPlan.totalBytes))
    }
}
