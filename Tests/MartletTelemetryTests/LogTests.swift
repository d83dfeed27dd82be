// Log lines as a reader gets them: whole, bounded, parseable, whatever was logged.

import FoundationEssentials
import Logging
import Synchronization
import Testing

@testable import MartletTelemetry

/// Collects lines.
private final class Lines: Sendable {
    private let lines = Mutex<[[UInt8]]>([])
    var sink: LogSink { LogSink { line in self.lines.withLock { $0.append(line) } } }
    var all: [[UInt8]] { lines.withLock { $0 } }
    var text: String { all.map { String(decoding: $0, as: UTF8.self) }.joined() }

    func removeAll() { lines.withLock { $0.removeAll() } }
}

/// Just enough of JSON to look into a line.
private enum Value: Decodable, Equatable {
    case text(String), number(Double), flag(Bool), list([Value]), object([String: Value])

    init(from decoder: any Decoder) throws {
        let box = try decoder.singleValueContainer()
        if let flag = try? box.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? box.decode(Double.self) {
            self = .number(number)
        } else if let text = try? box.decode(String.self) {
            self = .text(text)
        } else if let list = try? box.decode([Value].self) {
            self = .list(list)
        } else {
            self = .object(try box.decode([String: Value].self))
        }
    }
}

private struct Odd: CustomStringConvertible, Sendable {
    var description: String
}

@Suite struct JSONLogTests {
    private let lines = Lines()

    private func logger(_ level: Logger.Level = .trace) -> Logger {
        Logger(label: "martlet.test") { JSONLogHandler(label: $0, level: level, sink: self.lines.sink) }
    }

    private func entry() throws -> [String: Value] {
        let line = try #require(lines.all.last)
        #expect(line.count <= 8192)
        #expect(line.last == UInt8(ascii: "\n"))
        #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
        return try JSONDecoder().decode([String: Value].self, from: Data(line))
    }

    @Test func `an entry is one line with its fields at the top level, ids first`() throws {
        logger().info(
            "claimed", metadata: ["zone": "z", "type": "download", "attempt": .stringConvertible(2), "job_id": "01h"])
        let entry = try entry()
        #expect(entry["level"] == .text("info"))
        #expect(entry["logger"] == .text("martlet.test"))
        #expect(entry["message"] == .text("claimed"))
        #expect(entry["job_id"] == .text("01h"))
        #expect(entry["type"] == .text("download"))
        #expect(entry["attempt"] == .number(2))
        #expect(entry["zone"] == .text("z"))
        #expect(lines.text.contains(#""job_id":"01h","type":"download","attempt":2,"message":"claimed","zone":"z"}"#))
    }

    @Test func `the time is RFC 3339 in UTC with milliseconds`() throws {
        logger().info("x")
        guard case .text(let time) = try #require(try entry()["time"]) else { throw Odd.missing }
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (1_772_323_199_001, "2026-02-28T23:59:59.001Z"),
            (1_772_323_200_000, "2026-03-01T00:00:00.000Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func `times are right across leap days, centuries and the epoch`(milliseconds: Int64, text: String) {
        #expect(Timestamp.text(milliseconds: milliseconds) == text)
    }

    @Test func `control characters, quotes, line ends and direction marks are escaped`() throws {
        let nasty = "a\"b\\c\nd\re\tf\u{0}\u{1B}[31m\u{7F}\u{85}\u{2028}\u{202E}g ü 🐦"
        logger().info("\(nasty)", metadata: ["k\n\"": "\(nasty)"])
        let entry = try entry()
        #expect(entry["message"] == .text(nasty))
        #expect(entry["k\n\""] == .text(nasty))
        #expect(
            !lines.text.dropLast().unicodeScalars.contains { $0.value < 0x20 || $0 == "\u{202E}" || $0 == "\u{2028}" })
    }

    @Test(arguments: [1, 3, 100, 4000, 5000, 8192, 300_000])
    func `a message of any length gives a line of at most 8 KiB that still parses`(length: Int) throws {
        for unit in ["x", "ü", "🐦", "\n", "\u{1}", "\""] {
            logger().info("\(String(repeating: unit, count: length))", metadata: ["job_id": "j", "after": "a"])
            let entry = try entry()
            #expect(entry["job_id"] == .text("j"))
            #expect(entry["after"] == .text("a"))
            guard case .text(let message) = entry["message"] else { throw Odd.missing }
            #expect((entry["truncated"] == .flag(true)) == message.hasSuffix("…"))
        }
    }

    @Test func `too many fields are left out, the first ones stay, and the line says so`() throws {
        var metadata: Logger.Metadata = ["job_id": "j"]
        for index in 0..<500 { metadata["field\(index)"] = "\(String(repeating: "v", count: 50))" }
        metadata["list"] = .array(Array(repeating: "x", count: 10_000))
        logger().info("m", metadata: metadata)
        let entry = try entry()
        #expect(entry["job_id"] == .text("j"))
        #expect(entry["message"] == .text("m"))
        #expect(entry["truncated"] == .flag(true))
        #expect(entry.count > 50)
    }

    @Test func `numbers, booleans, lists and objects keep their shape and odd numbers become text`() throws {
        logger().info(
            "m",
            metadata: [
                "n": .stringConvertible(Int64.min), "u": .stringConvertible(UInt8(7)), "d": .stringConvertible(1.5),
                "nan": .stringConvertible(Double.nan), "inf": .stringConvertible(-Double.infinity),
                "b": .stringConvertible(true), "l": ["a", .stringConvertible(1)], "o": ["k": "v", "e": [:]],
                "odd": .stringConvertible(Odd(description: "\u{0}\"")), "": "empty", "e": [],
            ])
        let entry = try entry()
        #expect(entry["n"] == .number(-9_223_372_036_854_775_808))
        #expect(entry["u"] == .number(7))
        #expect(entry["d"] == .number(1.5))
        #expect(entry["nan"] == .text("nan"))
        #expect(entry["inf"] == .text("-inf"))
        #expect(entry["b"] == .flag(true))
        #expect(entry["l"] == .list([.text("a"), .number(1)]))
        #expect(entry["o"] == .object(["k": .text("v"), "e": .object([:])]))
        #expect(entry["odd"] == .text("\u{0}\""))
        #expect(entry[""] == .text("empty"))
        #expect(entry["e"] == .list([]))
    }

    @Test func `metadata nested without end is cut and not followed`() throws {
        var value: Logger.MetadataValue = "end"
        for _ in 0..<5000 { value = ["k": [value]] }
        logger().info("m", metadata: ["deep": value])
        #expect(lines.text.contains("…"))
        #expect(try entry()["deep"] != nil)
    }

    @Test func `a field with a reserved name does not hide the reserved one`() throws {
        logger().info("m", metadata: ["level": "fake", "message": "fake", "truncated": "no"])
        let entry = try entry()
        #expect(entry["level"] == .text("info"))
        #expect(entry["message"] == .text("m"))
        #expect(entry["metadata_level"] == .text("fake"))
        #expect(entry["truncated"] == nil)
    }

    @Test func `the call's metadata hides the task's, which hides the logger's`() throws {
        let provider = Logger.MetadataProvider { ["a": "task", "b": "task"] }
        var logger = Logger(
            label: "x", factory: { JSONLogHandler(label: $0, metadataProvider: provider, sink: self.lines.sink) })
        logger[metadataKey: "a"] = "logger"
        logger[metadataKey: "b"] = "logger"
        logger[metadataKey: "c"] = "logger"
        #expect(logger[metadataKey: "c"] == "logger")
        logger.info("m", metadata: ["a": "call"])
        let entry = try entry()
        #expect(entry["a"] == .text("call"))
        #expect(entry["b"] == .text("task"))
        #expect(entry["c"] == .text("logger"))
    }

    @Test func `an error of the call is a field`() throws {
        logger().error("m", error: Odd.missing)
        guard case .text(let text) = try #require(try entry()["error"]) else { throw Odd.missing }
        #expect(text.contains("missing"))
    }

    @Test func `an error in the metadata is called error, unless the entry has one already`() throws {
        logger().warning("m", metadata: ["error": "why"])
        #expect(try entry()["error"] == .text("why"))
        lines.removeAll()
        logger().error("m", error: Odd.missing, metadata: ["error": "why"])
        #expect(try entry()["metadata_error"] == .text("why"))
    }

    @Test func `entries below the level are not written`() {
        let logger = logger(.warning)
        logger.info("no")
        #expect(lines.all.isEmpty)
        logger.warning("yes")
        #expect(lines.all.count == 1)
    }
}

extension Odd: Error {
    static let missing = Odd(description: "missing")
}

@Suite struct TextLogTests {
    private let lines = Lines()

    @Test func `an entry reads as time, level, message, fields, logger`() {
        let logger = Logger(label: "martlet") { TextLogHandler(label: $0, sink: self.lines.sink) }
        logger.notice("job\nclaimed", metadata: ["z": "two words", "job_id": "j", "e": ""])
        let text = lines.text
        #expect(text.dropFirst(24) == " NOTICE   job\\nclaimed job_id=j e=\"\" z=\"two words\" [martlet]\n")
    }

    @Test func `colours stand only where they are asked for, and never come from the message`() {
        let plain = Logger(label: "a") { TextLogHandler(label: $0, sink: self.lines.sink) }
        plain.error("\u{1B}[2Jx")
        #expect(!lines.text.contains("\u{1B}"))
        #expect(lines.text.contains("\\u001b[2Jx"))
        for level in Logger.Level.allCases {
            let lines = Lines()
            let colored = Logger(label: "a") {
                TextLogHandler(label: $0, level: .trace, hasColor: true, sink: lines.sink)
            }
            colored.log(level: level, "x")
            #expect(lines.text.count { $0 == "\u{1B}" } == 2)
        }
    }

    @Test func `a line is at most 8 KiB`() throws {
        var logger = Logger(label: String(repeating: "l", count: 9000)) {
            TextLogHandler(label: $0, sink: self.lines.sink)
        }
        logger[metadataKey: "m"] = "\(String(repeating: "🐦", count: 9000))"
        #expect(logger[metadataKey: "m"] != nil)
        logger.info("\(String(repeating: "ü", count: 9000))")
        let line = try #require(lines.all.last)
        #expect(line.count <= 8192)
        #expect(line.last == UInt8(ascii: "\n"))
    }
}

@Suite struct LogSinkTests {
    @Test func `lines of many tasks arrive whole at a descriptor`() async throws {
        let pipe = try Pipe()
        // All of it fits into the pipe, so that no writer waits for the reader.
        let text = String(repeating: "x", count: 100)
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<4 {
                group.addTask {
                    for _ in 0..<100 { LogSink.writeAll(Array("\(index)\(text)\n".utf8), to: pipe.writeEnd) }
                }
            }
        }
        let lines = pipe.read(400 * 102).split(separator: "\n")
        #expect(lines.count == 400)
        #expect(lines.allSatisfy { $0.dropFirst() == text })
    }

    @Test func `a closed reader does not stop the writer`() {
        LogSink.writeAll([1, 2, 3], to: -1)
    }

    @Test func `both forms make a handler of the level asked for`() {
        for format in LogFormat.allCases {
            #expect(format.handler(label: "x", level: .warning).logLevel == .warning)
        }
        #expect(LogFormat.standard == (LogSink.standardErrorIsTerminal ? .text : .json))
    }
}
