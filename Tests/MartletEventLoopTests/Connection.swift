// A real connection whose server side has an executor with a batch flusher.

import MartletEventLoop
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// What happened on the server's side, in order.
final class Log: Sendable {
    private let entries = Mutex<[String]>([])

    var all: [String] { entries.withLock { $0 } }

    func add(_ entry: String) { entries.withLock { $0.append(entry) } }
}

/// A connection over loopback; the server's side has a thread of its own.
struct Connection: Sendable {
    let server: any Channel
    let executor: EventLoopExecutor
    let client: Client
    let log: Log

    /// Starts a task on the server's loop.
    func start(_ body: @escaping @Sendable () async -> Void) { Task(executorPreference: executor, operation: body) }

    /// Runs a task on the server's loop and waits for its end.
    func run(_ body: @escaping @Sendable () async -> Void) async {
        await Task(executorPreference: executor, operation: body).value
    }

    /// Writes and flushes; on the loop.
    func write(_ text: String) { server.writeAndFlush(ByteBuffer(string: text), promise: nil) }
}

/// What the other side has read.
struct Client: Sendable {
    let channel: any Channel
    let received: Received

    var text: String { received.state.withLock { $0.text } }
    var isClosed: Bool { received.state.withLock { $0.isClosed } }
}

/// Collects what arrives.
final class Received: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    let state = Mutex((text: "", isClosed: false))

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        state.withLock { $0.text += String(buffer: unwrapInboundIn(data)) }
    }

    func channelInactive(context: ChannelHandlerContext) { state.withLock { $0.isClosed = true } }
}

/// Records flushes that reach the socket, and reads.
private final class SocketLog: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private let log: Log

    init(_ log: Log) { self.log = log }

    func flush(context: ChannelHandlerContext) {
        log.add("flush")
        context.flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { log.add("read") }
}

/// Connects, and closes everything at the end.
func withConnection(_ body: (Connection) async throws -> Void) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let executor = EventLoopExecutor(group.next())
    let log = Log()
    let (accepted, acceptance) = AsyncStream.makeStream(of: (any Channel).self)
    let listener = try await ServerBootstrap(group: group)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers([SocketLog(log), BatchFlusher(executor)])
                acceptance.yield(channel)
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    let received = Received()
    let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .channelInitializer { $0.pipeline.addHandler(received) }
        .connect(to: try #require(listener.localAddress)).get()
    for await server in accepted {
        let connection = Connection(
            server: server, executor: executor, client: Client(channel: client, received: received), log: log)
        // The channel is registered and reads once what was begun on its loop has ended.
        try await server.eventLoop.submit {}.get()
        try await body(connection)
        break
    }
    try? await client.close()
    try await group.shutdownGracefully()
}
