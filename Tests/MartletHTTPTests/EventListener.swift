// A client of a stream of events, as a browser is one, on a raw connection.

import Foundation
import TestSupport
import Testing

/// A message of a stream.
struct StreamMessage: Sendable {
    var id: String?
    var event: String?
    var data: String?
    var isComment = false

    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data((data ?? "").utf8))) as? [String: Any] ?? [:]
    }
    var inner: [String: Any] { json["data"] as? [String: Any] ?? [:] }

    /// Kind, job and state, for comparisons.
    var words: String {
        let kind = (event ?? "").replacing("dev.martlet.job.", with: "").replacing("dev.martlet.", with: "")
        return [kind, inner["id"] as? String, inner["state"] as? String].compactMap(\.self).joined(separator: " ")
    }
}

/// A listener whose stream stays open.
struct EventListener: Sendable {
    let connection: HeldConnection

    init(_ server: TestServer, _ query: String = "", headers: [String] = [], reads: Bool = true) async throws {
        connection = try await HeldConnection(port: server.port, reads: reads)
        var lines = ["GET /api/v1/events\(query) HTTP/1.1", "Host: localhost"] + headers
        if let token = server.token { lines.append("Authorization: Bearer \(token)") }
        try await connection.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
        guard reads else { return }
        let listener = self
        try await eventually("the stream begins") {
            listener.connection.received.contains("retry: 2000") && !listener.all.isEmpty
        }
    }

    /// The head of the response.
    var head: String { connection.received.components(separatedBy: "\r\n\r\n")[0] }

    /// The body so far, without the marks of its chunks.
    private var body: String {
        guard let start = connection.received.range(of: "\r\n\r\n") else { return "" }
        var rest = Array(connection.received[start.upperBound...].utf8)[...]
        var body: [UInt8] = []
        while let end = rest.firstIndex(of: 13),
            let size = Int(String(decoding: rest[..<end], as: UTF8.self), radix: 16),
            rest.count >= size + 2
        {
            let from = end + 2
            guard rest.endIndex >= from + size else { break }
            body += rest[from..<from + size]
            rest = rest.dropFirst(from + size + 2 - rest.startIndex)
        }
        return String(decoding: body, as: UTF8.self)
    }

    /// All messages that came so far.
    var all: [StreamMessage] {
        body.components(separatedBy: "\n\n").dropLast().map { block in
            var message = StreamMessage()
            for line in block.split(separator: "\n") {
                if line.hasPrefix(":") { message.isComment = true }
                if line.hasPrefix("id: ") { message.id = String(line.dropFirst(4)) }
                if line.hasPrefix("event: ") { message.event = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { message.data = String(line.dropFirst(6)) }
            }
            return message
        }
    }

    /// The messages that a browser would show.
    var messages: [StreamMessage] { all.filter { $0.data != nil } }

    /// Waits for so many messages.
    @discardableResult
    func wait(for count: Int, within limit: Duration = .seconds(30)) async throws -> [StreamMessage] {
        try await eventually(within: limit, "\(count) messages") { messages.count >= count }
        return messages
    }

    /// Whether the response has come to its end.
    var hasEnded: Bool { connection.received.hasSuffix("\r\n0\r\n\r\n") }
}
