// Server-sent events as the client reads them, and the connection that brings them.

import AsyncHTTPClient
import MartletCommandSupport
import NIOCore
import NIOHTTP1

/// A message of a stream of events.
struct StreamMessage: Sendable, Equatable {
    /// The place of the stream behind this message, if it names one.
    var id: String?
    /// What kind of message it is; empty when it only names a place.
    var event = ""
    /// Its content.
    var data = ""
}

/// Makes messages of the bytes of a stream; pure.
struct StreamParser: Sendable {
    /// The longest line; a longer one is cut off.
    static let longestLine = 1 << 20

    private var line: [UInt8] = []
    private var message = StreamMessage()
    private var hasContent = false

    /// Takes bytes, and gives the messages that are complete.
    mutating func take(_ bytes: some Sequence<UInt8>) -> [StreamMessage] {
        var messages: [StreamMessage] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                if byte != UInt8(ascii: "\r"), line.count < Self.longestLine { line.append(byte) }
                continue
            }
            if let message = endLine() { messages.append(message) }
        }
        return messages
    }

    private mutating func endLine() -> StreamMessage? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer { (message, hasContent) = (StreamMessage(), false) }
            return hasContent ? message : nil
        }
        let text = String(decoding: line, as: UTF8.self)
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let value = parts.count > 1 ? String(parts[1].hasPrefix(" ") ? parts[1].dropFirst() : parts[1]) : ""
        switch parts[0] {
        case "id": message.id = value
        case "event": message.event = value
        case "data": message.data += message.data.isEmpty ? value : "\n" + value
        default: return nil
        }
        hasContent = true
        return nil
    }
}

extension APIClient {
    /// Reads a stream of events until it ends; throws ``CommandFailure`` when the server refuses it.
    ///
    /// - Parameters:
    ///   - query: what is asked for.
    ///   - last: the place behind which to go on.
    ///   - onMessage: takes each message.
    func events(
        query: [(String, String?)], after last: String?, _ onMessage: (StreamMessage) throws -> Void
    ) async throws {
        var request = request("/api/v1/events", query)
        request.headers.add(name: "accept", value: "text/event-stream, application/problem+json")
        if let last { request.headers.add(name: "last-event-id", value: last) }
        let response = try await open(request)
        guard response.status == .ok else {
            let bytes = try await response.body.collect(upTo: InputFile.limit)
            throw APIProblem(status: Int(response.status.code), bytes: Array(bytes.readableBytesView)).failure(
                server: base)
        }
        var parser = StreamParser()
        for try await buffer in response.body {
            for message in parser.take(buffer.readableBytesView) { try onMessage(message) }
        }
    }
}
