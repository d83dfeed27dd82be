// A real HTTP/1.1 server on loopback that answers as a test says: cut, stalled, endless or lying.

import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

@testable import MartletDownloads

/// What a test's server sends back.
struct Reply: Sendable {
    /// What happens behind the body.
    enum End: Sendable, Equatable {
        case complete, close, hang, endless
        /// Bytes that are not TLS, in the same packet as the body.
        case garbage
        /// One byte each time, for as long as somebody listens.
        case trickle(every: Duration)
    }

    var status = 200
    var headers: [(String, String)] = []
    var body: [UInt8] = []
    /// The value of Content-Length; `nil` sends none, so the body is chunked.
    var length: Int?
    var end = End.complete

    static func file(_ body: [UInt8], _ headers: [(String, String)] = []) -> Reply {
        Reply(headers: headers, body: body, length: body.count)
    }

    static func status(_ status: Int, _ headers: [(String, String)] = []) -> Reply {
        Reply(status: status, headers: headers, body: Array("no".utf8), length: 2)
    }

    /// The part of a file that a Range header asks for.
    static func range(_ body: [UInt8], from start: Int, _ headers: [(String, String)] = []) -> Reply {
        let range = ("Content-Range", "bytes \(start)-\(body.count - 1)/\(body.count)")
        return Reply(
            status: 206, headers: headers + [range], body: Array(body[start...]), length: body.count - start)
    }

    /// The same reply whose connection breaks after `count` bytes of the body.
    func cut(after count: Int, _ end: End = .close) -> Reply {
        var reply = self
        reply.body = Array(body.prefix(count))
        reply.end = end
        return reply
    }
}

/// What a request said.
struct Asked: Sendable {
    var path: String
    var headers: HTTPHeaders

    func header(_ name: String) -> String? { headers.first(name: name) }

    /// Where the wanted range begins.
    var rangeStart: Int? {
        header("range").flatMap { $0.hasPrefix("bytes=") ? Int($0.dropFirst(6).dropLast()) : nil }
    }
}

final class Origin: Sendable {
    private struct State {
        var asked: [Asked] = []
        /// The bytes of each answer's body, in the order of the requests.
        var bytesServed: [Int] = []
        var bytesHeard = 0
    }

    private let state = Mutex(State())
    private let answer: @Sendable (Asked, Int) -> Reply
    private let channel = Mutex<(any Channel)?>(nil)

    /// Serves until ``stop()``; `answer` gets each request and its number from 0.
    static func start(
        tls: NIOSSLContext? = nil, _ answer: @escaping @Sendable (Asked, Int) -> Reply
    ) async throws -> Origin {
        let origin = Origin(answer)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ByteCounter(origin))
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withPipeliningAssistance: false, withErrorHandling: false)
                    try channel.pipeline.syncOperations.addHandler(OriginHandler(origin))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        origin.channel.withLock { $0 = channel }
        return origin
    }

    /// A server that honours Range and If-Range for one file with these headers.
    static func file(_ body: [UInt8], _ headers: [(String, String)]) async throws -> Origin {
        try await start { asked, _ in Self.honest(asked, body, headers) }
    }

    @Sendable
    static func honest(_ asked: Asked, _ body: [UInt8], _ headers: [(String, String)]) -> Reply {
        let validators = headers.filter { ["etag", "last-modified"].contains($0.0.lowercased()) }.map(\.1)
        let isSame = asked.header("if-range").map(validators.contains) ?? true
        guard let start = asked.rangeStart, isSame else { return .file(body, headers) }
        guard start < body.count else {
            return Reply(status: 416, headers: headers + [("Content-Range", "bytes */\(body.count)")], length: 0)
        }
        return .range(body, from: start, headers)
    }

    private init(_ answer: @escaping @Sendable (Asked, Int) -> Reply) { self.answer = answer }

    var port: Int { channel.withLock { $0?.localAddress?.port } ?? 0 }
    var asked: [Asked] { state.withLock { $0.asked } }
    var bytesServed: Int { state.withLock { $0.bytesServed.reduce(0, +) } }

    /// The bytes of the answer to request `number`; a client that has received all of them finds all counted.
    func bytesServed(to number: Int) -> Int { state.withLock { $0.bytesServed[number] } }

    /// The bytes that clients sent, before any protocol.
    var bytesHeard: Int { state.withLock { $0.bytesHeard } }

    func url(_ path: String = "/file.bin", host: String = "127.0.0.1") -> String { "http://\(host):\(port)\(path)" }

    func stop() async {
        let open = channel.withLock { $0 }
        try? await open?.close().get()
    }

    fileprivate func reply(to asked: Asked) -> (Reply, number: Int) {
        let number = state.withLock { state in
            state.asked.append(asked)
            state.bytesServed.append(0)
            return state.asked.count - 1
        }
        return (answer(asked, number), number)
    }

    fileprivate func hear(_ bytes: Int) { state.withLock { $0.bytesHeard += bytes } }

    fileprivate func count(_ bytes: Int, to number: Int) { state.withLock { $0.bytesServed[number] += bytes } }
}

private final class ByteCounter: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let origin: Origin
    /// Whether what is written waits, so that it arrives in one piece.
    var isHolding = false

    init(_ origin: Origin) { self.origin = origin }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        origin.hear(unwrapInboundIn(data).readableBytes)
        context.fireChannelRead(data)
    }

    func flush(context: ChannelHandlerContext) {
        if !isHolding { context.flush() }
    }
}

/// Writes one reply at the pace of its reader.
private final class OriginHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let origin: Origin
    private var head: HTTPRequestHead?
    private var rest = ByteBuffer()
    private var end: Reply.End?
    /// The number of the request that is answered.
    private var number = 0
    /// The last write: a connection that is closed before it is done loses its bytes.
    private var written: EventLoopFuture<Void>?
    /// A write can change writability before it returns.
    private var isPumping = false

    init(_ origin: Origin) { self.origin = origin }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            let (reply, number) = origin.reply(to: Asked(path: head.uri, headers: head.headers))
            self.number = number
            begin(reply, context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        pump(context)
        context.fireChannelWritabilityChanged()
    }

    private func begin(_ reply: Reply, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders(reply.headers)
        if let length = reply.length { headers.replaceOrAdd(name: "content-length", value: "\(length)") }
        let status = HTTPResponseStatus(statusCode: reply.status)
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        written = context.write(wrapOutboundOut(.head(head)))
        rest = ByteBuffer(bytes: reply.body)
        end = reply.end
        if end == .garbage { hold(true, context) }
        // Otherwise the head leaves with the first bytes of the body, so that nobody waits between them.
        if reply.body.isEmpty { context.flush() }
        pump(context)
    }

    private func pump(_ context: ChannelHandlerContext) {
        guard let end, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        while context.channel.isWritable, context.channel.isActive {
            if rest.readableBytes == 0 {
                guard end == .endless else { return finish(end, context) }
                rest = ByteBuffer(repeating: 7, count: 64 << 10)
            }
            guard let slice = rest.readSlice(length: min(rest.readableBytes, 64 << 10)) else { return }
            origin.count(slice.readableBytes, to: number)
            written = context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(slice))))
        }
    }

    private func trickle(_ every: Duration, _ context: ChannelHandlerContext) {
        let (channel, step) = (context.channel, every.asTimeAmount)
        channel.eventLoop.scheduleRepeatedTask(initialDelay: step, delay: step) { [origin, number] task in
            guard channel.isActive else { return task.cancel() }
            origin.count(1, to: number)
            channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: [7])))).whenFailure { _ in }
        }
    }

    private func hold(_ isHolding: Bool, _ context: ChannelHandlerContext) {
        (try? context.pipeline.syncOperations.handler(type: ByteCounter.self))?.isHolding = isHolding
    }

    /// Writes below TLS.
    private func sendGarbage(_ context: ChannelHandlerContext) {
        let tls = try? context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
        hold(false, context)
        tls?.writeAndFlush(NIOAny(ByteBuffer(repeating: 0x78, count: 4096)), promise: nil)
    }

    private func finish(_ end: Reply.End, _ context: ChannelHandlerContext) {
        self.end = nil
        switch end {
        case .complete: context.writeAndFlush(wrapOutboundOut(.end(nil))).whenFailure { _ in }
        case .close:
            let channel = context.channel
            written?.whenComplete { _ in channel.close(promise: nil) }
        case .garbage: sendGarbage(context)
        case .trickle(let every): trickle(every, context)
        case .hang, .endless: break
        }
    }
}
