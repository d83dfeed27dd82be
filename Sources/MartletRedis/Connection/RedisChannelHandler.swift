// The last handler of a connection's channel pipeline: passes bytes to the reader and performs the machines' actions.

import NIOCore
import NIOTLS

/// The channel handler of one connection.
///
/// All of it runs on the channel's event loop.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case opening
        case ready(link: UInt64)
        case closed
    }

    private let core: RedisCore
    private let waitsForTLS: Bool
    private let opened: EventLoopPromise<Void>
    private let reader: ReplyReader
    private var handshake: HandshakeMachine
    private let look: InitialRequests?
    private var phase = Phase.opening
    private var replies: [RedisValue] = []

    /// Creates a handler.
    ///
    /// - Parameters:
    ///   - core: the client that the connection belongs to.
    ///   - waitsForTLS: whether the Redis handshake starts after the TLS handshake.
    ///   - opened: completed when the connection is ready or has failed.
    init(core: RedisCore, waitsForTLS: Bool, opened: EventLoopPromise<Void>) throws(RedisError) {
        self.core = core
        self.waitsForTLS = waitsForTLS
        self.opened = opened
        reader = try ReplyReader(maximumReplyBytes: core.configuration.maximumReplyBytes)
        look = core.initialRequests()
        handshake = HandshakeMachine(core.credentials, look: look?.requests ?? [])
    }

    func channelActive(context: ChannelHandlerContext) {
        if !waitsForTLS { beginHandshake(context) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if waitsForTLS, case .handshakeCompleted = event as? TLSUserEvent { beginHandshake(context) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .closed = phase { return }
        var failure: RedisError?
        do throws(RedisError) {
            try reader.read(unwrapInboundIn(data), into: &replies)
        } catch { failure = error }
        handleReplies(context)
        replies.removeAll(keepingCapacity: replies.capacity <= 4096)
        if let failure { end(context, failure) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(context, core.connectionError(error, wasReady: isReady))
    }

    func channelInactive(context: ChannelHandlerContext) {
        let usual: RedisError.Code = isReady ? .connectionLost : .connectionFailed
        finish(RedisError(usual, "the server at \(core.configuration.address) closed the connection"))
        context.fireChannelInactive()
    }

    private var isReady: Bool {
        guard case .ready = phase else { return false }
        return true
    }

    private func beginHandshake(_ context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 256)
        for request in handshake.requests { buffer.writeRequest(request) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func handleReplies(_ context: ChannelHandlerContext) {
        var rest = replies[...]
        while case .opening = phase, let value = rest.popFirst() { handleOpening(context, value) }
        guard case .ready = phase, !rest.isEmpty else { return }
        switch core.receive(rest) {
        case .carryOn: break
        case .close: end(context, RedisError(.closed, "the connection was closed on purpose"))
        case .unexpected: end(context, RedisError(.protocolError, "the server sent an unexpected reply"))
        }
    }

    private func handleOpening(_ context: ChannelHandlerContext, _ value: RedisValue) {
        switch handshake.receive(value) {
        case .wait: break
        case .fail(let error): end(context, error)
        case .ready(let clientID):
            // Before the core learns of the connection and sends waiting commands.
            look?.take(handshake.seen)
            guard let link = core.linkReady(context.channel, clientID: clientID) else {
                return end(context, RedisError(.closed, "the client has been shut down"))
            }
            phase = .ready(link: link)
            opened.succeed(())
        }
    }

    /// Closes the connection with `error`.
    private func end(_ context: ChannelHandlerContext, _ error: RedisError) {
        finish(error)
        context.close(promise: nil)
    }

    /// Reports the end of the connection, once.
    private func finish(_ error: RedisError) {
        switch phase {
        case .opening: opened.fail(error)
        case .ready(let link): core.linkLost(link, error: error)
        case .closed: break
        }
        phase = .closed
    }
}
