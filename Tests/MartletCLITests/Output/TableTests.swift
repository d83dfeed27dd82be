// Tables and lists of fields at 80 columns: what matters most is readable, and a pipe gets everything.

import ArgumentParser
import MartletCommandSupport
import MartletJSON
import Testing

@testable import MartletCLI

private let id = "01k9yq3v6mb2f4z8x0c7d5e1ga"
private let reason = "server_error: the server answered 503 Service Unavailable and asks to wait for 120 s"

private let download = JSONValue.object([
    "id": .string(id), "status": "failed", "priority": -1000, "progress_percent": .number(45.25),
    "total_bytes": 123_456_789,
    "speed_bytes_per_second": 1_234_567, "eta_seconds": 3700, "attempt": 4,
    "filename": "a-rather-long-name-of-a-recording-2026-11-29.flac", "error": .string(reason),
])

@Suite struct TableTests {
    private func shown(_ items: [JSONValue], _ view: ItemView, width: Int?) throws -> Written {
        let written = Written(width: width)
        try OutputOptions.parse([]).show(items, as: view, console: written.console)
        return written
    }

    @Test func `FILE and ERROR of a download are there at 80 columns`() throws {
        let written = try shown([download], DownloadCommand.view, width: 80)
        try #require(written.lines.count == 2)
        #expect(written.lines.allSatisfy { (line: String) in line.columns <= 80 })
        #expect(written.lines[0].contains("FILE") && written.lines[0].contains("ERROR"))
        #expect(written.lines[1].contains(id), "an id is never cut: it is there to be copied")
        #expect(written.lines[1].contains(".flac") && written.lines[1].contains("server_error"))
        #expect(written.notes.hasPrefix("Hidden columns (narrow terminal): "))
        #expect(written.notes.contains("ATTEMPT"))
    }

    @Test func `empty columns are omitted first`() throws {
        let waiting = JSONValue.object(["id": .string(id), "status": "queued", "priority": 0, "filename": "f.bin"])
        let written = try shown([waiting], DownloadCommand.view, width: 60)
        #expect(written.lines[0].contains("PRIORITY") && !written.lines[0].contains("SPEED"))
        #expect(written.notes.isEmpty)
    }

    @Test func `nothing is cut or left out in a pipe`() throws {
        let written = try shown([download], DownloadCommand.view, width: nil)
        #expect(written.lines[1].contains(reason) && !written.text.contains("…"))
        #expect(written.lines[0].contains("ATTEMPT") && written.notes.isEmpty)
    }

    @Test(arguments: [21, 40, 60, 80, 100, 132, 200])
    func `no line is wider than the terminal`(_ width: Int) throws {
        let job = JSONValue.object([
            "id": .string(id), "queue": "a-queue-with-a-long-name", "type": "some.type.of.job.日本語", "state": "retrying",
            "priority": 5, "attempt": 2, "created_at": "2026-11-29T22:41:00.000Z", "error": .string(reason),
        ])
        for (item, view) in [(download, DownloadCommand.view), (job, JobCommand.view)] {
            let written = try shown([item], view, width: width)
            #expect(written.lines.allSatisfy { (line: String) in line.columns <= width }, "\(written.text)")
        }
    }

    @Test func `counts of a queue are separate lines, and JSON of users stays JSON`() throws {
        let queue = try JSONValue(
            #"{"name":"q","paused":false,"jobs":{"queued":1,"active":2},"settings":{"retention":{"failed":{"count":7}}}}"#
                .utf8)
        let written = Written(width: 80)
        try OutputOptions.parse([]).show(queue, first: QueueView.order, console: written.console)
        let words = written.lines.map { $0.split(separator: " ").map(String.init) }
        #expect(words.contains(["jobs.queued", "1"]) && words.contains(["settings.retention.failed.count", "7"]))
        #expect(!written.text.contains("{"))
        let job = try JSONValue(#"{"id":"j","payload":{"z":1e400,"a":[1,2]},"tags":["x","y"]}"#.utf8)
        let other = Written()
        try OutputOptions.parse([]).show(job, console: other.console)
        #expect(other.text == "id       j\npayload  {\"z\":1e400,\"a\":[1,2]}\ntags     x, y\n")
    }

    @Test func `a long value continues on the next line of a terminal`() throws {
        let written = Written(width: 40)
        try OutputOptions.parse([]).show(.object(["error": .string(reason)]), console: written.console)
        #expect(written.lines.count > 2 && written.lines.allSatisfy { $0.columns <= 40 })
        let joined = written.lines.map { $0.dropFirst(7) }.joined(separator: " ")
        #expect(joined == reason)
    }

    @Test(
        arguments: [
            ("running", true, "running"), ("stopping", true, "stopping"), ("stopped", true, "stopped"),
            ("stopped", false, "stopped"), ("running", false, "unresponsive"),
        ])
    func `a worker has one state, and one that has stopped is not alive`(
        _ said: String, _ isAlive: Bool, _ state: String
    ) throws {
        let worker = JSONValue.object([
            "id": "w", "alive": .bool(isAlive), "last_seen_seconds": 1,
            "queues": .array([
                .object([
                    "queue": "q", "info": .object(["state": .string(said), "slots": 3, "busy": 9_007_199_254_740_993]),
                ])
            ]),
        ])
        #expect(WorkerView.state(worker) == state)
        #expect(WorkerView.isServing(worker) == (state == "running"))
        let written = try shown([worker], WorkerView.list, width: 80)
        #expect(written.lines[0].contains("STATE") && !written.lines[0].contains("ALIVE"))
    }
}

@Suite struct OddNumberTests {
    /// Progress of `1/9223372036854775807/1` and `1/100/1e300`, and what else a server could say.
    @Test(
        arguments: [
            "1e300", "-1e300", "1e400", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e-300",
            "0.1", "-0",
        ])
    func `no number from a server crashes the command`(_ number: String) throws {
        let names = [
            "progress_percent", "bytes_downloaded", "total_bytes", "speed_bytes_per_second", "eta_seconds", "attempt",
            "priority", "last_seen_seconds", "oldest_wait_seconds",
        ]
        let fields = names.map { "\"\($0)\":\(number)" }.joined(separator: ",")
        let info = "{\"slots\":\(number),\"busy\":\(number)}"
        let card = "{\"queue\":\"q\",\"info\":\(info)}"
        let item = try JSONValue("{\"id\":\"x\",\(fields),\"queues\":[\(card),\(card)]}".utf8)
        for view in [DownloadCommand.view, JobCommand.view, QueueView.list, WorkerView.list] {
            let written = Written(width: 80)
            try OutputOptions.parse([]).show([item], as: view, console: written.console)
            #expect(written.lines.count == 2)
        }
        var screen = DemoScreen(Written(width: 80).console)
        screen.draw([item, item])
    }
}
