// Tables, numbers for people, and JSON in and out.

import ArgumentParser
import MartletCommandSupport
import MartletJSON
import Synchronization
import Testing

@testable import MartletCLI

@Suite struct OutputTests {
    private let table = TextTable(
        columns: [.init(title: "NAME"), .init(title: "SIZE", isNumber: true)],
        rows: [["a", "1"], ["a longer name", "1000"], ["line\nbreak \u{1B}[31m", ""]])

    @Test func `columns are as wide as their widest cell, numbers stand on the right`() {
        let lines = table.lines(width: nil)
        #expect(lines[0] == "NAME                   SIZE")
        #expect(lines[1] == "a                         1")
        #expect(lines[2] == "a longer name          1000")
    }

    @Test func `a cell never breaks a line nor moves the cursor`() {
        #expect(table.lines(width: nil)[3] == "line break \\u{1b}[31m")
    }

    @Test func `lines are cut to a terminal and never without one`() {
        #expect(table.lines(width: 8).allSatisfy { $0.columns <= 8 })
        #expect(table.lines(width: nil).allSatisfy { !$0.contains("…") })
    }

    @Test(arguments: [
        (0.0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_572_864, "1.5 MiB"), (-5, "0 B"), (1e15, "909.5 TiB"),
        (1e300, "over 1000000 EiB"), (.infinity, ""), (.nan, ""), (-.infinity, ""),
    ])
    func `bytes are shown in units of 1024`(_ count: Double, _ text: String) {
        #expect(HumanReadable.bytes(count) == text)
    }

    @Test(arguments: [
        (0.04, "0.0s"), (1.26, "1.3s"), (59.4, "59s"), (61, "1m 1s"), (3661, "1h 1m"), (.infinity, ""), (.nan, ""),
        (9.96, "10s"), (273_600, "3d 4h"), (1e300, ""), (-1e300, "0.0s"),
    ])
    func `times are shown in at most two units`(_ seconds: Double, _ text: String) {
        #expect(HumanReadable.seconds(seconds) == text)
    }

    @Test func `an object is shown field by field, the important ones first`() throws {
        let written = Written()
        let item: JSONValue = .object(["a": "x", "b": 1, "id": "job-1", "nothing": .null])
        try OutputOptions.parse([]).show(item, first: ["id"], console: written.console)
        #expect(written.text == "id       job-1\na        x\nb        1\nnothing\n")
        try OutputOptions.parse(["-o", "jsonl"]).show(item, console: written.console)
        #expect(written.text.hasSuffix("{\"a\":\"x\",\"b\":1,\"id\":\"job-1\",\"nothing\":null}\n"))
    }

    @Test func `a list in JSON is an array, also when it is empty`() throws {
        let written = Written()
        try OutputOptions.parse(["-o", "json"]).show([], as: ItemView(.text("ID", "id")), console: written.console)
        #expect(try JSONValue.parse(written.text.utf8, source: "output") == .array([]))
    }
}

/// What a console wrote.
final class Written: Sendable {
    private let texts = Mutex<[Int32: String]>([:])
    private let width: Int?

    /// Streams into a pipe, or onto a terminal of this width.
    init(width: Int? = nil) { self.width = width }

    /// Standard output.
    var text: String { texts.withLock { $0[1] ?? "" } }
    /// Standard error.
    var notes: String { texts.withLock { $0[2] ?? "" } }
    var lines: [String] { text.split(separator: "\n").map(String.init) }

    var console: Console {
        Console(isTerminal: width != nil, width: width, noteWidth: width) { text, descriptor in
            self.texts.withLock { $0[descriptor, default: ""] += text }
        }
    }
}
