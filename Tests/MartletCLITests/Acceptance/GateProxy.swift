// A wire to Redis that lets nothing more through once a gate is shut.

import NIOCore
import NIOPosix

/// Forwards connections to a unix socket; before each piece towards Redis it asks whether it may pass.
final class GateProxy: Sendable {
    private let channel: any Channel
    /// Where it listens, as a Redis URL.
    let url: String

    /// Starts a proxy; `mayPass` is asked on the event loop and must be quick.
    static func start(to socket: String, mayPass: @escaping @Sendable () -> Bool) async throws -> GateProxy {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop).connect(unixDomainSocketPath: socket).flatMap { server in
                    client.eventLoop.makeCompletedFuture {
                        try client.pipeline.syncOperations.addHandler(Forwarder(to: server, mayPass: mayPass))
                        try server.pipeline.syncOperations.addHandler(Forwarder(to: client) { true })
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return GateProxy(channel)
    }

    private init(_ channel: any Channel) {
        self.channel = channel
        url = "redis://127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    func stop() async { try? await channel.close().get() }
}

/// Writes what comes in to another channel.
private final class Forwarder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let target: any Channel
    private let mayPass: @Sendable () -> Bool

    init(to target: any Channel, mayPass: @escaping @Sendable () -> Bool) {
        self.target = target
        self.mayPass = mayPass
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if mayPass() { target.writeAndFlush(unwrapInboundIn(data), promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) { target.close(promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
