// A TCP server that says the same to everyone: for peers that are no Redis.

import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// Answers every connection's first bytes with one text.
final class LineServer: Sendable {
    private let channel: any Channel
    private let counter: Counter

    /// The port on the loopback interface.
    var port: Int { channel.localAddress?.port ?? 0 }
    /// How many connections there were.
    var connections: Int { counter.value.load(ordering: .relaxed) }

    static func start(answer: String) async throws -> LineServer {
        let counter = Counter()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(answer: answer, counter: counter))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return LineServer(channel, counter)
    }

    private init(_ channel: any Channel, _ counter: Counter) {
        self.channel = channel
        self.counter = counter
    }

    func stop() async throws { try await channel.close() }

    private final class Counter: Sendable {
        let value = Atomic(0)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let answer: String
        private let counter: Counter
        private var hasAnswered = false

        init(answer: String, counter: Counter) {
            self.answer = answer
            self.counter = counter
        }

        func channelActive(context: ChannelHandlerContext) {
            counter.value.add(1, ordering: .relaxed)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !hasAnswered else { return }
            hasAnswered = true
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        }
    }
}

extension NeverHappened {
    /// The failure of a test whose `event` did not come.
    static func test(_ event: String) -> NeverHappened { NeverHappened(description: "\(event) did not come") }
}
