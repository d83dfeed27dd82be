// The wire without a socket, for the tools that measure what it costs.

import NIOCore

/// Encodes requests and reads a reply as a connection does, into buffers that are used again and again.
package final class WireProbe {
    private let reader: ReplyReader
    private let reply: ByteBuffer
    private var request = ByteBuffer()
    private var replies: [RedisValue] = []

    /// A probe that reads `reply` whenever it is asked to.
    package init(reply: [UInt8]) throws(RedisError) {
        reader = try ReplyReader(maximumReplyBytes: 1 << 30)
        self.reply = ByteBuffer(bytes: reply)
    }

    /// Encodes a request; its length in bytes.
    package func encode(_ request: RedisRequest) -> Int {
        self.request.clear()
        self.request.writeRequest(request)
        return self.request.readableBytes
    }

    /// Reads the reply.
    package func read() throws(RedisError) -> RedisValue? {
        replies.removeAll(keepingCapacity: true)
        try reader.read(reply, into: &replies)
        return replies.first
    }
}
