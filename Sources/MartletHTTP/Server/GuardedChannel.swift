// A connection with additional handlers around Hummingbird's HTTP/1.1 channel.

import HummingbirdCore
import Logging
import MartletEventLoop
import NIOCore
import NIOHTTP1
import NIOSSL

/// Hummingbird's HTTP/1.1 channel with deadlines for heads, bodies and responses, limits over all connections, and a
/// response to non-HTTP data.
struct GuardedChannel: ServerChildChannel {
    /// A connection with the state that the rest of the server sees.
    struct Value: ServerChildChannelValue {
        let base: HTTP1Channel.Value
        let link: ClientConnection

        var channel: any Channel { base.channel }
    }

    let base: HTTP1Channel
    let settings: ServerSettings
    let executors: EventLoopExecutors
    let connections: ConnectionTable
    let certificate: ServerCertificate?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let executor = executors.executor(of: channel.eventLoop)
        return base.setup(channel: channel, logger: logger).flatMapThrowing {
            [settings, connections, certificate] value in
            let link = ClientConnection(channel, executor: executor)
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let guarding = RequestGuard(settings, link: link, connections: connections)
            try pipeline.addHandler(guarding, position: .after(decoder))
            try pipeline.addHandler(ReadNotifier(), position: .first)
            if let certificate {
                try pipeline.addHandler(NIOSSLServerHandler(context: certificate.context), position: .first)
            }
            try pipeline.addHandler(BatchFlusher(executor), position: .first)
            if certificate != nil {
                try pipeline.addHandler(PlainRequestRefusal(prefix: settings.pathPrefix), position: .first)
            }
            return Value(base: value, link: link)
        }
    }

    func handle(value: Value, logger: Logger) async {
        await ClientConnection.$current.withValue(value.link) {
            await withTaskExecutorPreference(executors.executor(of: value.channel.eventLoop)) {
                await base.handle(value: value.base, logger: logger)
            }
        }
    }
}

/// An event: bytes have arrived and are about to be decoded.
struct BytesArrived: Sendable {}

/// Fires an event when bytes arrive, so that the guard behind the decoder knows when a head begins.
final class ReadNotifier: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireUserInboundEventTriggered(BytesArrived())
        context.fireChannelRead(data)
    }
}
