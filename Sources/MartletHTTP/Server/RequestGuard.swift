// Guards one connection: heads and bodies come in time and within bounds, and what is not HTTP gets an answer.

import NIOCore
import NIOHTTP1

/// Stands between the HTTP decoder and all else.
///
/// It closes a connection only after its last answer had time to be read.
final class RequestGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let settings: ServerSettings
    /// Requests whose head was read and whose answer is not written yet.
    private var unanswered = 0
    private var isReading = false
    /// Whether bytes came that were no whole head yet.
    private var isBeginning = false
    private var bodyBytes = 0
    private var closes = false
    private var isDiscarding = false
    private var deadline: Scheduled<Void>?
    /// Runs while more of an answer waits than a reader should leave.
    private var readingDeadline: Scheduled<Void>?

    init(_ settings: ServerSettings) { self.settings = settings }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is BytesArrived else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        if !isReading { isBeginning = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDiscarding else { return }
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(let buffer):
            bodyBytes += buffer.readableBytes
            // Nobody reads on after the limit; what still comes is thrown away, but not without end.
            if bodyBytes > 2 * settings.bulkLimit { context.close(promise: nil) }
        case .end:
            isReading = false
            stopClock()
        }
        context.fireChannelRead(data)
    }

    /// Sets a clock for what has only begun; nearly all requests come whole in one read and need none.
    func channelReadComplete(context: ChannelHandlerContext) {
        if deadline == nil, !isDiscarding {
            if isReading {
                expect(within: settings.bodyDeadline, context)
            } else if isBeginning {
                expect(within: settings.headDeadline, context)
            }
        }
        context.fireChannelReadComplete()
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        isReading = true
        isBeginning = false
        stopClock()
        unanswered += 1
        bodyBytes = 0
        if !head.isKeepAlive { closes = true }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        guard head.headers.first(name: "expect")?.lowercased() == "100-continue", length <= settings.bulkLimit,
            unanswered == 1
        else { return }
        context.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            if head.headers["connection"].contains(where: { $0.lowercased() == "close" }) { closes = true }
            if closes, unanswered == 1 { head.headers.replaceOrAdd(name: "connection", value: "close") }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end where closes && unanswered == 1:
            unanswered = 0
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.assumeIsolated().whenComplete { _ in self.leave(context) }
            context.write(data, promise: written)
        case .end:
            unanswered -= 1
            context.write(data, promise: promise)
        case .body: context.write(data, promise: promise)
        }
    }

    /// Who asks and does not read must not hold an answer for ever.
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readingDeadline?.cancel()
        readingDeadline = nil
        if !context.channel.isWritable {
            let channel = context.channel
            readingDeadline = context.eventLoop.scheduleTask(in: TimeAmount(settings.readingDeadline)) {
                channel.close(promise: nil)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An answer under way belongs to another request; its handler sees the fault and answers it.
        guard let fault = error as? HTTPParserError, unanswered == 0, !isDiscarding else {
            context.fireErrorCaught(error)
            return
        }
        switch fault {
        case .headerOverflow:
            refuse(.requestHeaderFieldsTooLarge, "head-too-large", "the request's head is too large", context)
        case .closedConnection, .invalidEOFState: context.close(promise: nil)
        default: refuse(.badRequest, "malformed-http", "this is not a request that HTTP/1.1 allows", context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopClock()
        readingDeadline?.cancel()
        context.fireChannelInactive()
    }

    private func expect(within limit: Duration, _ context: ChannelHandlerContext) {
        stopClock()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { self.runOut(context) }
    }

    private func stopClock() {
        deadline?.cancel()
        deadline = nil
    }

    private func runOut(_ context: ChannelHandlerContext) {
        deadline = nil
        guard unanswered == 0 else {
            context.close(promise: nil)
            return
        }
        refuse(.requestTimeout, "too-slow", "the request's head did not come in time", context)
    }

    /// Writes a last answer and leaves.
    private func refuse(
        _ status: HTTPResponseStatus, _ code: String, _ detail: String, _ context: ChannelHandlerContext
    ) {
        let body = JSON.object([
            "type": "urn:martlet:problem:\(code)", "title": .string(status.reasonPhrase),
            "status": .int(Int(status.code)),
            "detail": .string(detail), "code": .string(code),
        ])
        var head = HTTPResponseHead(version: .http1_1, status: status)
        let buffer = context.channel.allocator.buffer(bytes: body.bytes)
        head.headers = [
            "content-type": "application/problem+json", "content-length": "\(buffer.readableBytes)",
            "connection": "close",
        ]
        isDiscarding = true
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.leave(context) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    /// Closes our side, and the connection a second later: at once, unread input would take the answer with it.
    private func leave(_ context: ChannelHandlerContext) {
        isDiscarding = true
        stopClock()
        let channel = context.channel
        channel.close(mode: .output, promise: nil)
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }
}
