// Reads a response body chunk by chunk, to its proper end.

import NIOCore
import NIOHTTP1

struct ResponseBodyReader {
    private var parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator
    private let watch: StallDetector
    private var isOver = false

    init(_ parts: NIOAsyncChannelInboundStream<HTTPClientResponsePart>, watch: StallDetector) {
        self.parts = parts.makeAsyncIterator()
        self.watch = watch
    }

    /// The response head.
    mutating func head() async throws -> HTTPResponseHead {
        while let part = try await parts.next(isolation: #isolation) {
            watch.endWaiting()
            if case .head(let head) = part { return head }
        }
        throw Self.lost
    }

    /// The next chunk; `nil` at the end.
    ///
    /// Throws when the connection ended early.
    mutating func next() async throws -> ByteBuffer? {
        guard !isOver else { return nil }
        watch.beginWaiting()
        var count = 0
        defer { watch.endWaiting(bytes: count) }
        while let part = try await parts.next(isolation: #isolation) {
            switch part {
            case .head: continue
            case .body(let chunk):
                count = chunk.readableBytes
                return chunk
            case .end:
                isOver = true
                return nil
            }
        }
        throw Self.lost
    }

    private static var lost: DownloadError { .transient(.connectionLost, "the server closed the connection") }
}
