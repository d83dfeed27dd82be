// A relay between a client and Redis that loses replies and freezes connections when a test says so.

import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization

/// Stands between a client and a redis-server, on a unix socket of its own.
public final class FaultProxy: Sendable {
    fileprivate struct State {
        var marker: [UInt8]?
        var lostReplies = 0
        var isFrozen = false
        /// What waits for the thaw, in order; without bytes the channel is to be closed.
        var held: [(channel: any Channel, bytes: ByteBuffer?)] = []
    }

    /// Where clients connect to.
    public let url: String
    fileprivate let state = Mutex(State())
    private let loop: any EventLoop
    private let server = Mutex<(any Channel)?>(nil)

    /// Starts a relay to the server at this unix socket.
    public static func start(to socketPath: String) async throws -> FaultProxy {
        let proxy = FaultProxy(path: temporaryDirectory("proxy") + "/proxy.sock")
        try await proxy.listen(to: socketPath)
        return proxy
    }

    private let path: String

    private init(path: String) {
        self.path = path
        url = "unix://\(path)"
        loop = MultiThreadedEventLoopGroup.singleton.any()
    }

    /// How many replies were lost on purpose.
    public var lostReplies: Int { state.withLock { $0.lostReplies } }

    /// The next request that holds `marker` reaches the server, but its reply is lost with the connection.
    public func loseReply(toRequestWith marker: String) {
        state.withLock { $0.marker = Array(marker.utf8) }
    }

    /// Lets no byte pass any more, in any direction; connections stay open.
    public func freeze() { state.withLock { $0.isFrozen = true } }

    /// Delivers what was held back, then lets everything pass again.
    public func thaw() {
        let held = state.withLock { state in
            defer { state.held = [] }
            state.isFrozen = false
            return state.held
        }
        for (channel, bytes) in held {
            if let bytes { channel.writeAndFlush(bytes, promise: nil) } else { channel.close(promise: nil) }
        }
    }

    /// Takes no more connections.
    public func stop() async {
        let channel = server.withLock { $0.take() }
        try? await channel?.close().get()
    }

    private func listen(to socketPath: String) async throws {
        let channel = try await ServerBootstrap(group: loop)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .channelInitializer { upstream in
                        self.relay(from: upstream, to: client, isServer: true)
                    }
                    .connect(unixDomainSocketPath: socketPath)
                    .flatMap { upstream in self.relay(from: client, to: upstream, isServer: false) }
            }
            .bind(unixDomainSocketPath: path).get()
        server.withLock { $0 = channel }
    }

    private func relay(from source: any Channel, to sink: any Channel, isServer: Bool) -> EventLoopFuture<Void> {
        source.eventLoop.makeCompletedFuture {
            try source.pipeline.syncOperations.addHandler(Relay(self, sink: sink, isServer: isServer))
        }
    }
}

/// Passes on what one side says to the other.
private final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let proxy: FaultProxy
    private let sink: any Channel
    private let isServer: Bool

    init(_ proxy: FaultProxy, sink: any Channel, isServer: Bool) {
        self.proxy = proxy
        self.sink = sink
        self.isServer = isServer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let sink = sink
        let passes = proxy.state.withLock { state in
            if state.isFrozen { state.held.append((sink, bytes)) }
            return !state.isFrozen
        }
        guard passes else { return }
        if isServer, (try? sink.syncOptions?.getOption(.autoRead)) == false { return lose(context) }
        if !isServer, isMarked(bytes) {
            // The reply to this one is to be lost: from now on nothing is read from this client either.
            try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        }
        sink.writeAndFlush(bytes, promise: nil)
    }

    private func lose(_ context: ChannelHandlerContext) {
        proxy.state.withLock { $0.lostReplies += 1 }
        sink.close(promise: nil)
        context.close(promise: nil)
    }

    private func isMarked(_ bytes: ByteBuffer) -> Bool {
        proxy.state.withLock { state in
            guard let marker = state.marker, bytes.readableBytesView.contains(marker) else { return false }
            state.marker = nil
            return true
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let sink = sink
        let passes = proxy.state.withLock { state in
            if state.isFrozen { state.held.append((sink, nil)) }
            return !state.isFrozen
        }
        if passes { sink.close(promise: nil) }
        context.fireChannelInactive()
    }
}
