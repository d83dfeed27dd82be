// Answers plain HTTP that was sent to a port which speaks TLS.

import NIOCore
import NIOHTTP1

/// Stands before TLS and looks at the first byte of a connection: a plain request gets an answer that says what to do.
final class PlainRequestRefusal: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let prefix: String
    private var hasRefused = false

    /// Creates a handler; `prefix` stands before the paths of all routes.
    init(prefix: String) { self.prefix = prefix }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasRefused else { return }
        guard let first = unwrapInboundIn(data).readableBytesView.first else { return context.fireChannelRead(data) }
        // Methods are words of capital letters; a TLS connection begins with the byte 22.
        guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else {
            context.fireChannelRead(data)
            return context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
        hasRefused = true
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(answer(channel.allocator))).assumeIsolated().whenComplete { _ in
            context.close(mode: .output, promise: nil)
        }
        // To close it at once would lose the answer, since the rest of the request may be unread.
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { context.close(promise: nil) }
    }

    private func answer(_ allocator: ByteBufferAllocator) -> ByteBuffer {
        let (head, body) = FinalResponse.needsTLS.parts(allocator, prefix: prefix)
        var bytes = allocator.buffer(capacity: 512)
        bytes.writeString("HTTP/1.1 \(head.status.code) \(head.status.reasonPhrase)\r\n")
        for (name, value) in head.headers { bytes.writeString("\(name): \(value)\r\n") }
        bytes.writeString("\r\n")
        bytes.writeImmutableBuffer(body)
        return bytes
    }
}
