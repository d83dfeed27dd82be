// Fuzzes what is written of texts from outside: one line of bounded length, and in JSON one value.

import Logging

@testable import MartletHTTP
@testable import MartletJSON
@testable import MartletTelemetry

/// Names and values on lines by turns.
func fuzzLogs(_ input: Input) {
    var input = input
    let message = input.words()
    var metadata: Logger.Metadata = [:]
    while !input.isEmpty {
        let key = input.words()
        let value = input.words()
        metadata[key] = value.hasPrefix("[") ? ["\(value)", ["\(key)": "\(value)"]] : "\(value)"
    }
    let sink = LogSink { line in checkLine(line) }
    let json = LogSink { line in
        checkLine(line)
        check((try? JSONText(line)) != nil, "no JSON: \(String(decoding: line, as: UTF8.self))")
    }
    let event = LogEvent(
        level: .info, message: "\(message)", metadata: metadata, source: "", file: "", function: "", line: 0)
    JSONLogHandler(label: message, sink: json).log(event: event)
    TextLogHandler(label: message, sink: sink).log(event: event)
    let labels = ExpositionText.labels(metadata.map { ($0.key, $0.value.description) })
    check(!labels.utf8.contains(0x0A), "labels of two lines")
}

private func checkLine(_ line: [UInt8]) {
    check(line.count <= LogText.lineLimit, "a line of \(line.count) bytes")
    check(line.last == 0x0A && !line.dropLast().contains { $0 < 0x20 || $0 == 0x7F }, "more than one line")
    check(String(validating: line, as: UTF8.self) != nil, "no UTF-8")
}
