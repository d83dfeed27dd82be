// Guards a connection: heads and bodies must arrive in time and within limits, responses must be read in time, and
// non-HTTP data gets a response.

import NIOCore
import NIOHTTP1

/// The handler between the HTTP decoder and all others.
///
/// It closes a connection only after the last response had time to be read.
final class RequestGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// The size from which a response counts towards the budget of unread responses.
    static let largeAnswer = 16 << 10
    /// The most requests of a connection that wait for a response; later ones are not read.
    static let pipelineLimit = 64

    private let settings: ServerSettings
    private let link: ClientConnection
    private let connections: ConnectionTable
    private var admission: ConnectionTable.Admission?
    /// The number of requests without a complete response.
    private var unanswered = 0
    private var isReading = false
    /// Whether an incomplete head has arrived.
    private var isBeginning = false
    private var bodyBytes = 0
    /// Whether the last request speaks HTTP/1.0, which knows no chunks; none comes behind it.
    private var isOld = false
    private var closes = false
    private var isDiscarding = false
    private var deadline: Scheduled<Void>?
    /// Runs while a client reads too slowly.
    private var readingDeadline: Scheduled<Void>?
    /// Runs while a large response is unread, however steadily it is read.
    private var answerDeadline: Scheduled<Void>?
    /// The number of large responses, or of pieces of a stream, that are not read yet.
    private var largeAnswers = 0
    private var form = ClientConnection.AnswerForm.whole
    /// Runs while a stream ends in a shutdown.
    private var streamDeadline: Scheduled<Void>?
    /// Whether the server is shutting down, which limits every client to ``ServerSettings/shutdownDeadline``.
    private var isShuttingDown = false

    init(_ settings: ServerSettings, link: ClientConnection, connections: ConnectionTable) {
        self.settings = settings
        self.link = link
        self.connections = connections
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { arrive(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        arrive(context)
        context.fireChannelActive()
    }

    /// Admits or refuses the connection; starts the deadline of the first head.
    private func arrive(_ context: ChannelHandlerContext) {
        guard admission == nil else { return }
        link.becomeIdle(after: ConnectionTable.grace)
        let admission = connections.admit(link, from: ClientAddress(context.remoteAddress?.ipAddress ?? ""))
        self.admission = admission
        switch admission {
        case .admitted: expect(within: settings.headDeadline, context)
        case .addressIsFull: refuse(.addressIsFull, context)
        case .serverIsFull: refuse(.serverIsFull, context)
        case .dropped: context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is BytesArrived: if !isReading { isBeginning = true }
        case is ChannelShouldQuiesceEvent:
            shutDown(context)
            context.fireUserInboundEventTriggered(event)
        default:
            if let event = event as? ChannelEvent, event == .inputClosed { link.clientStopped() }
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopClock()
        readingDeadline?.cancel()
        answerDeadline?.cancel()
        streamDeadline?.cancel()
        link.connectionClosed()
        if let admission { connections.leave(link, admission) }
        context.fireChannelInactive()
    }
}

// MARK: - Requests

extension RequestGuard {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDiscarding else { return }
        var data = data
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard unanswered < Self.pipelineLimit else { return endBehindAnswers() }
            guard Self.hasHost(head) else { return refuseHead(.hostMissing, context) }
            switch RequestTarget(head.uri) {
            case .other: break
            case .unusable: return refuseHead(.malformed, context)
            case .absolute(let authority): data = wrapInboundOut(.head(head.addressed(to: authority)))
            }
            begin(head, context)
        case .body(let buffer):
            bodyBytes += buffer.readableBytes
            // Nothing reads on after the limit; further bytes are dropped, up to a bound.
            if bodyBytes > 2 * settings.bulkLimit { context.close(promise: nil) }
        case .end:
            isReading = false
            stopClock()
        }
        context.fireChannelRead(data)
    }

    /// Starts a deadline for incomplete requests; nearly all requests arrive in one read and need none.
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
        link.becomeBusy()
        bodyBytes = 0
        if !head.isKeepAlive { closes = true }
        if head.version == .http1_0 { isOld = true }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        guard head.headers.first(name: "expect")?.lowercased() == "100-continue", length <= settings.bulkLimit,
            unanswered == 1
        else { return }
        context.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    /// Exactly one Host, as RFC 9112 requires; only HTTP/1.0 may omit it.
    private static func hasHost(_ head: HTTPRequestHead) -> Bool {
        let count = head.headers.count { $0.name.utf8.count == 4 && $0.name.lowercased() == "host" }
        return count == 1 || (count == 0 && head.version == .http1_0)
    }

    /// Refuses a head; if a response to an earlier request is in flight, closes the connection after it.
    private func refuseHead(_ answer: FinalResponse, _ context: ChannelHandlerContext) {
        if unanswered > 0 { endBehindAnswers() } else { refuse(answer, context) }
    }

    /// Stops reading and closes the connection after the pending responses.
    private func endBehindAnswers() {
        closes = true
        isDiscarding = true
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A response in flight belongs to another request; its handler reports the error.
        guard let fault = error as? HTTPParserError, unanswered == 0, !isDiscarding else {
            context.fireErrorCaught(error)
            return
        }
        switch fault {
        case .headerOverflow: refuse(.headTooLarge, context)
        case .closedConnection, .invalidEOFState: context.close(promise: nil)
        default: refuse(.malformed, context)
        }
    }
}

// MARK: - Answers

extension RequestGuard {
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head):
            if head.headers["connection"].contains(where: { $0.lowercased() == "close" }) { closes = true }
            if closes, unanswered == 1 { head.headers.replaceOrAdd(name: "connection", value: "close") }
            // An interim response stands before the one whose form is known.
            if head.status.code >= 200 { form = link.nextAnswer }
            if form == .stream, isOld, unanswered == 1 {
                head.version = .http1_0
                closes = true
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body(.byteBuffer(let buffer)) where form == .stream || buffer.readableBytes >= Self.largeAnswer:
            context.write(data, promise: watched(promise, buffer.readableBytes, context))
        case .body: context.write(data, promise: promise)
        case .end where closes && unanswered == 1:
            unanswered = 0
            let written = reported(promise, context) ?? context.eventLoop.makePromise()
            written.futureResult.assumeIsolated().whenComplete { _ in self.leave(context) }
            end(data, written, context)
        case .end:
            unanswered -= 1
            if unanswered == 0 { rest(context) }
            end(data, reported(promise, context), context)
        }
    }

    /// The promise of a response's end, which tells whether it was written where somebody wants to know.
    private func reported(
        _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext
    ) -> EventLoopPromise<Void>? {
        guard link.watchesDelivery else { return promise }
        let written = promise ?? context.eventLoop.makePromise()
        written.futureResult.whenComplete { [link] result in
            if case .success = result { link.responseWritten() } else { link.responseLost() }
        }
        return written
    }

    private func end(_ data: NIOAny, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        guard form != .whole else { return context.write(data, promise: promise) }
        // The encoder would send the end of a body, which the response to a `HEAD` does not have.
        if form == .headOfStream { promise?.succeed() } else { context.write(data, promise: promise) }
        form = .whole
        link.nextAnswer = .whole
    }

    /// No request is in flight; the rest of a refused body has the deadline of a head.
    private func rest(_ context: ChannelHandlerContext) {
        link.becomeIdle()
        if isReading { expect(within: settings.headDeadline, context) }
    }

    /// The promise of a large response, which must be read within its deadline.
    private func watched(
        _ promise: EventLoopPromise<Void>?, _ count: Int, _ context: ChannelHandlerContext
    ) -> EventLoopPromise<Void> {
        largeAnswers += 1
        // Each piece of a stream must be read in time; a stream as a whole has no end.
        let limit = form == .stream ? settings.readingDeadline : settings.answerDeadline
        if answerDeadline == nil { answerDeadline = closing(after: limit, context) }
        let written = promise ?? context.eventLoop.makePromise()
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.connections.wasRead(count, by: self.link)
            self.largeAnswers -= 1
            self.answerDeadline?.cancel()
            self.answerDeadline = self.largeAnswers > 0 ? self.closing(after: limit, context) : nil
        }
        return written
    }

    /// Closes connections that do not read their response within the deadline.
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readingDeadline?.cancel()
        readingDeadline = context.channel.isWritable ? nil : closing(after: settings.readingDeadline, context)
        context.fireChannelWritabilityChanged()
    }

    private func closing(after limit: Duration, _ context: ChannelHandlerContext) -> Scheduled<Void> {
        let channel = context.channel
        return context.eventLoop.scheduleTask(in: allowed(limit)) { channel.close(promise: nil) }
    }
}

// MARK: - Deadlines and ends

extension RequestGuard {
    /// Shortens the deadlines that run, so that a client which sends or reads nothing holds up the shutdown only briefly.
    private func shutDown(_ context: ChannelHandlerContext) {
        isShuttingDown = true
        link.serverShutsDown()
        if deadline != nil { expect(within: settings.shutdownDeadline, context) }
        // The stream itself ends at once; a client that does not read on would hold up its last piece.
        if form == .stream { streamDeadline = closing(after: settings.streamEnd, context) }
        if let running = readingDeadline {
            running.cancel()
            readingDeadline = closing(after: settings.shutdownDeadline, context)
        }
        if let running = answerDeadline {
            running.cancel()
            answerDeadline = closing(after: settings.shutdownDeadline, context)
        }
    }

    /// A deadline, shortened during a shutdown.
    private func allowed(_ limit: Duration) -> TimeAmount {
        TimeAmount(isShuttingDown ? min(limit, settings.shutdownDeadline) : limit)
    }

    private func expect(within limit: Duration, _ context: ChannelHandlerContext) {
        stopClock()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: allowed(limit)) { self.runOut(context) }
    }

    private func stopClock() {
        deadline?.cancel()
        deadline = nil
    }

    private func runOut(_ context: ChannelHandlerContext) {
        deadline = nil
        // A client that sent nothing expects no response; one that already has a response could mistake this for a
        // later request's.
        guard unanswered == 0, isBeginning else { return context.close(promise: nil) }
        refuse(.tooSlow, context)
    }

    /// Sends a final response and closes the connection.
    private func refuse(_ answer: FinalResponse, _ context: ChannelHandlerContext) {
        stopClock()
        isDiscarding = true
        let (head, body) = answer.parts(context.channel.allocator, prefix: settings.pathPrefix)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.leave(context) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    /// Closes the sending side at once, and the connection a second later: closing it immediately with unread input
    /// would lose the response.
    private func leave(_ context: ChannelHandlerContext) {
        isDiscarding = true
        stopClock()
        link.becomeIdle()
        let channel = context.channel
        channel.close(mode: .output, promise: nil)
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }
}
