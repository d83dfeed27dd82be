// `martlet download add --wait`: waits until downloads have finished.

import MartletCommandSupport
import MartletJSON

/// Waits until downloads have finished.
struct DownloadWait {
    var ids: [String]
    var within: Duration

    /// Shows them when all have finished; throws when one failed or the limit is reached.
    func run(_ client: APIClient, _ output: OutputOptions, console: Console = .standard) async throws {
        let report = WaitReport(output.format, console: console)
        let begin = ContinuousClock.now
        var hint = WaitHint()
        var seen: [String: JSONValue] = [:]
        while true {
            for id in ids where !Self.isFinal(seen[id]) {
                seen[id] = try await client.get("/api/downloads/\(APIClient.escaped(id))")
            }
            let items = ids.compactMap { seen[$0] }
            let open = items.count { !Self.isFinal($0) }
            if open == 0 { break }
            let waited = ContinuousClock.now - begin
            guard waited < within else { throw timeout(items, open, report, output) }
            report.progress(Self.line(items, open))
            if waited > .seconds(2), items.allSatisfy({ $0["status"].string == "queued" }),
                let text = await hint.text(client, queue: "downloads", type: nil, error: nil)
            {
                report.note(text)
            }
            try await Task.sleep(for: min(within - waited, .milliseconds(ids.count > 20 ? 1000 : 250)))
        }
        report.clear()
        let items = ids.compactMap { seen[$0] }
        show(items, output, console)
        let bad = items.count { $0["status"].string != "completed" }
        guard bad > 0 else { return }
        let reason = items.count == 1 ? items[0]["error"].string.map { ": \(TerminalText.oneLine($0))" } ?? "" : ""
        throw CommandFailure(.jobFailed, "\(bad) of \(ids.count) did not complete\(reason)")
    }

    private func show(_ items: [JSONValue], _ output: OutputOptions, _ console: Console) {
        if items.count == 1 {
            output.show(items[0], first: DownloadCommand.order, console: console)
        } else {
            output.show(items, as: DownloadCommand.view, console: console)
        }
    }

    private func timeout(
        _ items: [JSONValue], _ open: Int, _ report: WaitReport, _ output: OutputOptions
    ) -> CommandFailure {
        report.clear()
        if output.format != .table { show(items, output, .standard) }
        return CommandFailure(
            .timedOut, "\(open) of \(ids.count) have not finished in time. Look with: martlet download status ID")
    }

    /// `2 of 5 finished, 3 run, 4.2 MiB of 9.0 MiB, 1.1 MiB/s`.
    private static func line(_ items: [JSONValue], _ open: Int) -> String {
        func sum(_ name: String) -> Double { items.reduce(0) { $0 + ($1[name].double ?? 0) } }
        var parts = ["\(items.count - open) of \(items.count) finished"]
        let running = items.count { $0["status"].string == "downloading" }
        if running > 0 { parts.append("\(running) running") }
        let (done, total, speed) = (sum("bytes_downloaded"), sum("total_bytes"), sum("speed_bytes_per_second"))
        if done > 0 { parts.append(HumanReadable.bytes(done) + (total > 0 ? " of " + HumanReadable.bytes(total) : "")) }
        if speed > 0, running > 0 { parts.append(HumanReadable.bytes(speed) + "/s") }
        return parts.joined(separator: ", ")
    }

    /// Whether it has finished.
    static func isFinal(_ download: JSONValue?) -> Bool {
        ["completed", "failed", "cancelled"].contains(download?["status"].string)
    }
}
