// Tables, numbers for people, and JSON in and out.

import ArgumentParser
import Synchronization
import Testing

@testable import MartletCLI

@Suite struct OutputTests {
    private let table = TextTable(
        columns: [.init(title: "NAME"), .init(title: "SIZE", isNumber: true)],
        rows: [["a", "1"], ["a longer name", "1000"], ["line\nbreak \u{1B}[31m", ""]])

    @Test func `columns are as wide as their widest cell, numbers stand on the right`() {
        let lines = table.lines(width: nil)
        #expect(lines[0] == "NAME              SIZE")
        #expect(lines[1] == "a                    1")
        #expect(lines[2] == "a longer name     1000")
    }

    @Test func `a cell never breaks a line nor moves the cursor`() {
        #expect(table.lines(width: nil)[3] == "line break  [31m")
    }

    @Test func `lines are cut to a terminal and never without one`() {
        #expect(table.lines(width: 8)[2] == "a longe…")
        #expect(table.lines(width: 8).allSatisfy { $0.count <= 8 })
        #expect(table.lines(width: nil).allSatisfy { !$0.contains("…") })
    }

    @Test(arguments: [
        (0.0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_572_864, "1.5 MiB"), (-5, "0 B"), (1e15, "909.5 TiB"),
    ])
    func `bytes are shown in units of 1024`(_ count: Double, _ text: String) {
        #expect(Humane.bytes(count) == text)
    }

    @Test(arguments: [
        (0.04, "0.0s"), (1.26, "1.3s"), (59.4, "59s"), (61, "1m 1s"), (3661, "1h 1m"), (.infinity, ""), (.nan, ""),
    ])
    func `times are shown in at most two units`(_ seconds: Double, _ text: String) {
        #expect(Humane.seconds(seconds) == text)
    }

    @Test func `JSON keeps whole numbers whole and unknown fields`() throws {
        let text = #"{"a":[1,2.5,true,null,"ü/"],"b":{"c":9007199254740993}}"#
        let json = try JSON.parse(text.utf8, source: "test")
        #expect(json.line == text)
        #expect(json["b"]["c"].int == 9_007_199_254_740_993)
        #expect(json["nothing"]["at all"] == .null)
        #expect(throws: CommandFailure(.usage, "test is not JSON")) { try JSON.parse("{".utf8, source: "test") }
    }

    @Test func `an object is shown field by field, the important ones first`() throws {
        let written = Written()
        let item: JSON = .object(["b": 1, "a": "x", "id": "job-1", "nothing": .null])
        try OutputOptions.parse([]).show(item, first: ["id"], console: written.console)
        #expect(written.text == "id       job-1\na        x\nb        1\nnothing\n")
        try OutputOptions.parse(["-o", "jsonl"]).show(item, console: written.console)
        #expect(written.text.hasSuffix("{\"a\":\"x\",\"b\":1,\"id\":\"job-1\",\"nothing\":null}\n"))
    }

    @Test func `a list in JSON is an array, also when it is empty`() throws {
        let written = Written()
        try OutputOptions.parse(["-o", "json"]).show([], as: ItemView(.text("ID", "id")), console: written.console)
        #expect(try JSON.parse(written.text.utf8, source: "output") == .array([]))
    }
}

/// What a console wrote to standard output.
private final class Written: Sendable {
    private let state = Mutex("")
    var text: String { state.withLock { $0 } }
    var console: Console { Console { text, descriptor in if descriptor == 1 { self.state.withLock { $0 += text } } } }
}
