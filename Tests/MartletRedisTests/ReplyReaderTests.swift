// Bytes become values: every type of RESP2, however the bytes are cut, and errors for all that is not RESP2.

import NIOCore
import Testing

@testable import MartletRedis

@Suite struct ReplyReaderTests {
    private func read(_ pieces: [String], limit: Int = 1 << 20) throws -> [RedisValue] {
        let reader = try ReplyReader(maximumReplyBytes: limit)
        var replies: [RedisValue] = []
        for piece in pieces { try reader.read(ByteBuffer(string: piece), into: &replies) }
        return replies
    }

    private static let samples: [(String, RedisValue)] = [
        ("+OK\r\n", .text("OK")),
        ("+\r\n", .text("")),
        (":0\r\n", .integer(0)),
        (":-42\r\n", .integer(-42)),
        (":9223372036854775807\r\n", .integer(.max)),
        ("$0\r\n\r\n", .text("")),
        ("$6\r\na\r\nb\r\n\r\n", .text("a\r\nb\r\n")),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("*0\r\n", .array([])),
        ("-ERR no\r\n", .error("ERR no")),
        ("*3\r\n:1\r\n$1\r\nx\r\n$-1\r\n", .array([.integer(1), .text("x"), .null])),
        ("*2\r\n-ERR in the middle\r\n+after\r\n", .array([.error("ERR in the middle"), .text("after")])),
        (
            "*3\r\n*2\r\n:1\r\n*0\r\n*1\r\n*1\r\n:2\r\n:3\r\n",
            .array([
                .array([.integer(1), .array([])]), .array([.array([.integer(2)])]), .integer(3),
            ])
        ),
    ]

    @Test func `every type of RESP2 is read`() throws {
        for (bytes, value) in Self.samples { #expect(try read([bytes]) == [value]) }
    }

    @Test func `many replies in one piece come in order`() throws {
        #expect(try read([Self.samples.map(\.0).joined()]) == Self.samples.map(\.1))
    }

    @Test func `replies that arrive byte by byte are the same`() throws {
        let bytes = Self.samples.map(\.0).joined()
        #expect(try read(bytes.unicodeScalars.map { String($0) }) == Self.samples.map(\.1))
    }

    @Test func `replies that are cut in two at any byte are the same`() throws {
        let bytes = Array(Self.samples.map(\.0).joined().utf8)
        for cut in 0...bytes.count {
            let pieces = [bytes[..<cut], bytes[cut...]].map { String(decoding: $0, as: UTF8.self) }
            #expect(try read(pieces) == Self.samples.map(\.1), "cut at \(cut)")
        }
    }

    @Test func `an array of many elements and a large string survive the reader's pieces`() throws {
        let element = String(repeating: "x", count: 100)
        let array = "*5000\r\n" + String(repeating: "$100\r\n\(element)\r\n", count: 5000)
        let large = String(repeating: "y", count: 300_000)
        let replies = try read([array + "$300000\r\n\(large)\r\n:7\r\n"])
        #expect(replies.count == 3)
        #expect(replies.first?.array?.count == 5000)
        #expect(replies.first?.array?.allSatisfy { $0 == .text(element) } == true)
        #expect(replies.dropFirst().first == .text(large))
        #expect(replies.last == .integer(7))
    }

    @Test func `text that is not UTF-8 keeps its bytes`() throws {
        let reader = try ReplyReader(maximumReplyBytes: 100)
        var replies: [RedisValue] = []
        try reader.read(ByteBuffer(bytes: Array("$2\r\n".utf8) + [0xFF, 0x00] + Array("\r\n".utf8)), into: &replies)
        #expect(replies == [.bytes([0xFF, 0x00])])
        #expect(replies.first?.string == nil)
    }

    @Test func `arrays may be nested eight deep and no deeper`() throws {
        var value = RedisValue.integer(1)
        for _ in 0..<8 { value = .array([value]) }
        #expect(try read([String(repeating: "*1\r\n", count: 8) + ":1\r\n"]) == [value])
        let error = #expect(throws: RedisError.self) {
            try read([String(repeating: "*1\r\n", count: 9) + ":1\r\n"])
        }
        #expect(error?.code == .protocolError)
    }

    @Test(arguments: [
        "garbage", "HTTP/1.1 400 Bad Request\r\n", "!\r\n", "*x\r\n", "$5x\r\n", "$-2\r\n", "*-2\r\n",
        "\u{15}\u{3}\u{1}",
        "%1\r\n+a\r\n+b\r\n", "~1\r\n+a\r\n", ",1.5\r\n", "#t\r\n", ">1\r\n+a\r\n", "=5\r\ntxt:a\r\n",
    ])
    func `bytes that are not RESP2 are a protocol error`(_ bytes: String) {
        let error = #expect(throws: RedisError.self) { try read([bytes]) }
        #expect(error?.code == .protocolError)
        #expect(error?.outcome == .unknown)
    }

    @Test func `replies before the bad bytes are delivered, and the reader stays broken`() throws {
        let reader = try ReplyReader(maximumReplyBytes: 100)
        var replies: [RedisValue] = []
        #expect(throws: RedisError.self) {
            try reader.read(ByteBuffer(string: ":1\r\n*2\r\n+half\r\ngarbage\r\n"), into: &replies)
        }
        #expect(replies == [.integer(1)])
        #expect(throws: RedisError.self) { try reader.read(ByteBuffer(string: ":2\r\n"), into: &replies) }
        #expect(replies == [.integer(1)])
    }

    @Test func `a reply above the limit is refused before it is complete`() throws {
        let reader = try ReplyReader(maximumReplyBytes: 100_000)
        var replies: [RedisValue] = []
        try reader.read(ByteBuffer(string: "$1000000000\r\n"), into: &replies)
        let piece = ByteBuffer(string: String(repeating: "z", count: 60_000))
        try reader.read(piece, into: &replies)
        let error = #expect(throws: RedisError.self) { try reader.read(piece, into: &replies) }
        #expect(error?.code == .protocolError)
        #expect(replies.isEmpty)
    }

    @Test func `an array that claims two thousand million elements costs nothing until they come`() throws {
        #expect(try read(["*2147483647\r\n:1\r\n"]) == [])
    }

    @Test func `the limit is for one reply, not for all`() throws {
        let reply = "$50000\r\n" + String(repeating: "z", count: 50_000) + "\r\n"
        #expect(try read([String(repeating: reply, count: 20)], limit: 90_000).count == 20)
    }
}
