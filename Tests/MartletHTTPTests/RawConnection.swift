// A raw socket, to send what no HTTP client would.

import NIOCore
import NIOPosix
import Synchronization

/// Sends bytes as they are and reads until the server closes, or as much as is asked for.
struct RawConnection {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    init(port: Int) async throws {
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(60))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                }
            }
    }

    /// Sends the pieces and hangs up without reading a byte.
    func sendAndLeave(_ pieces: [String]) async throws {
        try await channel.executeThenClose { _, outbound in
            for piece in pieces { try await outbound.write(ByteBuffer(string: piece)) }
        }
    }

    /// Sends the pieces and answers all that came until the server closed, or until `enough` says so.
    func exchange(
        _ pieces: [String], enough: @escaping @Sendable (String) -> Bool = { _ in false }
    ) async throws -> String {
        try await channel.executeThenClose { inbound, outbound in
            for piece in pieces { try? await outbound.write(ByteBuffer(string: piece)) }
            var all = ""
            do {
                for try await buffer in inbound {
                    all += String(buffer: buffer)
                    if enough(all) { break }
                }
            } catch {}
            return all
        }
    }

    /// The same with bytes that need not be text.
    func exchange(bytes: [UInt8]) async throws -> String {
        try await channel.executeThenClose { inbound, outbound in
            try? await outbound.write(ByteBuffer(bytes: bytes))
            var all = ""
            do { for try await buffer in inbound { all += String(buffer: buffer) } } catch {}
            return all
        }
    }
}

/// A connection that a test holds open while it does other things.
struct HeldConnection: Sendable {
    private final class Inbox: Sendable {
        let text = Mutex("")
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let inbox: Inbox

        init(_ inbox: Inbox) { self.inbox = inbox }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            inbox.text.withLock { $0 += text }
        }
    }

    private let inbox: Inbox
    private let channel: any Channel

    /// Connects, from another address of this machine where one is named.
    init(port: Int, from address: String = "127.0.0.1", reads: Bool = true) async throws {
        let inbox = Inbox()
        self.inbox = inbox
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(60))
            .channelOption(.autoRead, value: reads)
            .channelOption(.allowRemoteHalfClosure, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(inbox))
                }
            }
        if !reads { bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: 4096) }
        channel = try await bootstrap.bind(to: try SocketAddress(ipAddress: address, port: 0))
            .connect(host: "127.0.0.1", port: port).get()
    }

    /// All that came so far.
    var received: String { inbox.text.withLock { $0 } }

    /// Whether the server has not closed it.
    var isOpen: Bool { channel.isActive }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }

    /// Sends single bytes until the server closes the connection.
    func trickle(_ text: String, every pause: Duration) async {
        for byte in text.utf8 where isOpen {
            try? await channel.writeAndFlush(ByteBuffer(bytes: [byte])).get()
            try? await Task.sleep(for: pause)
        }
    }

    /// Sends nothing more, but reads on.
    func stopSending() async throws { try await channel.close(mode: .output).get() }

    func close() async throws { try await channel.close().get() }
}
