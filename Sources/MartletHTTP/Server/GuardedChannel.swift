// A connection with our handlers around Hummingbird's HTTP/1.1 channel.

import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Hummingbird's HTTP/1.1 channel, with a deadline for heads and bodies and an answer to what is not HTTP.
struct GuardedChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel
    let settings: ServerSettings
    let executors: LoopExecutors

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { [settings, executors] value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(RequestGuard(settings), position: .after(decoder))
            try pipeline.addHandler(ArrivalBell(), position: .first)
            try pipeline.addHandler(RoundFlusher(executors.executor(of: channel.eventLoop)), position: .first)
            return value
        }
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskExecutorPreference(executors.executor(of: value.channel.eventLoop)) {
            await base.handle(value: value, logger: logger)
        }
    }
}

/// Bytes came in; rung before they are decoded.
struct BytesArrived: Sendable {}

/// Rings whenever bytes come in, so that the guard behind the decoder knows when a head begins.
final class ArrivalBell: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireUserInboundEventTriggered(BytesArrived())
        context.fireChannelRead(data)
    }
}
