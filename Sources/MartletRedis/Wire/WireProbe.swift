// Encoding and parsing without a socket, for benchmarks.

import NIOCore

/// Encodes requests and parses a reply as a connection does, with reused buffers.
package final class WireProbe {
    private let reader: ReplyReader
    private let reply: ByteBuffer
    private var request = ByteBuffer()
    private var replies: [RedisValue] = []

    /// Creates a probe that parses `reply`.
    package init(reply: [UInt8]) throws(RedisError) {
        reader = try ReplyReader(maximumReplyBytes: 1 << 30)
        self.reply = ByteBuffer(bytes: reply)
    }

    /// Encodes a request; returns its length in bytes.
    package func encode(_ request: RedisRequest) -> Int {
        self.request.clear()
        self.request.writeRequest(request)
        return self.request.readableBytes
    }

    /// Parses the reply.
    package func read() throws(RedisError) -> RedisValue? {
        replies.removeAll(keepingCapacity: true)
        try reader.read(reply, into: &replies)
        return replies.first
    }
}
