// Responses that are sent piece by piece: the source of the pieces, and what sends them.

import HummingbirdCore
import NIOCore
import Synchronization

/// What makes the pieces of a streamed response.
///
/// A source that is released ends too, as one does whose response could not even begin.
protocol ReplySource: AnyObject, Sendable {
    /// The next piece; `nil` at the end.
    func next() async -> [UInt8]?

    /// Ends the stream soon: ``next()`` returns `nil` then, also where it waits already.
    func stop()

    /// Whether the source ended because its reader was too slow.
    var wasOverrun: Bool { get }
}

/// A source without pieces.
final class EmptySource: ReplySource {
    func next() async -> [UInt8]? { nil }
    func stop() {}
    var wasOverrun: Bool { false }
}

/// How a stream went, for the log.
struct StreamRecord: Sendable {
    /// Why a stream ended.
    enum End: String, Sendable {
        case finished
        case clientGone = "client-gone"
        case shuttingDown = "shutting-down"
        /// The reader was too slow for what there was to send.
        case overflow
        /// The memory for unread responses was used up.
        case answersFull = "answers-full"
    }

    var bytes = 0
    var end = End.finished
}

/// Sends the pieces of a source.
struct ReplyStream: Sendable {
    let source: any ReplySource
    let connections: ConnectionTable

    /// Sends all pieces; ends with the source, the client or the server, whichever is first.
    ///
    /// - Throws: when the connection is closed, also because its client reads too slowly.
    @concurrent func send(to writer: inout any ResponseBodyWriter, _ record: inout StreamRecord) async throws {
        let (source, reason, link) = (source, StreamEndReason(), ClientConnection.current)
        let watches = [(ClientConnection.Event.stopped, StreamRecord.End.clientGone), (.shuttingDown, .shuttingDown)]
            .compactMap { event, end in
                link?.watch(event) {
                    reason.note(end)
                    source.stop()
                }
            }
        defer { for watch in watches { link?.unwatch(watch) } }
        do {
            try await pump(to: &writer, &record)
        } catch {
            record.end = reason.first ?? (source.wasOverrun ? .overflow : .clientGone)
            source.stop()
            throw error
        }
        if record.end == .finished { record.end = reason.first ?? (source.wasOverrun ? .overflow : .finished) }
    }

    @concurrent private func pump(to writer: inout any ResponseBodyWriter, _ record: inout StreamRecord) async throws {
        let link = ClientConnection.current
        while let piece = await source.next() {
            guard !piece.isEmpty else { continue }
            // The guard of the connection gives the bytes back when the client has read them.
            if let link, !connections.reserve(for: piece.count, on: link, isOwed: false) {
                record.end = .answersFull
                return source.stop()
            }
            try await writer.write(ByteBuffer(bytes: piece))
            record.bytes += piece.count
        }
    }
}

/// The first reason for which a stream was stopped.
private final class StreamEndReason: Sendable {
    private let state = Mutex<StreamRecord.End?>(nil)

    var first: StreamRecord.End? { state.withLock { $0 } }

    func note(_ end: StreamRecord.End) { state.withLock { $0 = $0 ?? end } }
}
