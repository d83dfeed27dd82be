// What the client makes of the bytes of a stream of events.

import Testing

@testable import MartletCLI

@Suite struct StreamParserTests {
    private let text = "retry: 2000\nid: 1\n\n: keep-alive\nid: 2\n\nid: 3\nevent: a\r\ndata: one\ndata:two\n\ndata: x"

    @Test func `messages are complete with the blank line behind them, however the bytes are cut`() {
        for size in 1...text.utf8.count {
            var (parser, messages, bytes) = (StreamParser(), [StreamMessage](), Array(text.utf8)[...])
            while !bytes.isEmpty {
                messages += parser.take(bytes.prefix(size))
                bytes = bytes.dropFirst(size)
            }
            #expect(
                messages == [
                    StreamMessage(id: "1"), StreamMessage(id: "2"),
                    StreamMessage(id: "3", event: "a", data: "one\ntwo"),
                ])
        }
    }

    @Test func `a line without an end takes no more than its bound`() {
        var parser = StreamParser()
        let piece = [UInt8](repeating: 97, count: 1 << 16)
        for _ in 0..<64 { #expect(parser.take(piece).isEmpty) }
        #expect(parser.take("\n\n".utf8).isEmpty, "and is no message")
    }
}
