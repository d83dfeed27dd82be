// A relay before a server that cuts connections, before the request arrives or before its answer does.

import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// Passes bytes to a server on this machine and back, and cuts a connection every three seconds while it is told to.
///
/// Not more often: a job whose claim is cut off three times in a row is taken for poison.
final class CuttingRelay: Sendable {
    private let channel: any Channel
    private let state: State

    /// What its connections share.
    fileprivate final class State: Sendable {
        let cuts = Mutex(false)
        let cut = Atomic(0)
        private let rests = Mutex(NIODeadline.uptimeNanoseconds(0))

        /// Whether the bytes that came now end their connection.
        func takes() -> Bool {
            guard cuts.withLock({ $0 }) else { return false }
            let takes = rests.withLock { rests in
                guard NIODeadline.now() >= rests else { return false }
                rests = .now() + .seconds(3)
                return true
            }
            if takes { cut.add(1, ordering: .relaxed) }
            return takes
        }
    }

    /// Where clients find it.
    var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }
    /// How many connections it has cut.
    var cuts: Int { state.cut.load(ordering: .relaxed) }
    /// Whether it cuts connections.
    var cutsConnections: Bool {
        get { state.cuts.withLock { $0 } }
        set { state.cuts.withLock { $0 = newValue } }
    }

    private init(_ channel: any Channel, _ state: State) {
        self.channel = channel
        self.state = state
    }

    /// Starts a relay to a port of this machine.
    static func start(to port: Int) async throws -> CuttingRelay {
        let state = State()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { client in
                // Both ends on one loop, so that each may write to the other as it is.
                let waiting = client.setOption(.autoRead, value: false)
                return waiting.flatMap {
                    ClientBootstrap(group: client.eventLoop).connect(host: "127.0.0.1", port: port)
                }.flatMap { server in
                    server.pipeline.addHandler(Half(to: client, state)).flatMap {
                        client.pipeline.addHandler(Half(to: server, state))
                    }.flatMap { client.setOption(.autoRead, value: true) }
                }.flatMapError { _ in client.close() }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return CuttingRelay(channel, state)
    }

    /// Stops it; its connections end with their clients.
    func stop() async { try? await channel.close().get() }
}

/// One direction of a connection.
private final class Half: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let state: CuttingRelay.State

    init(to other: any Channel, _ state: CuttingRelay.State) {
        self.other = other
        self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !state.takes() else {
            context.close(promise: nil)
            return other.close(promise: nil)
        }
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
