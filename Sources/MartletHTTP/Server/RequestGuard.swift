// Guards one connection: heads and bodies come in time and within bounds, answers are read in time, and what is not HTTP
// gets an answer.

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

    /// From this size on an answer counts against the server's budget of unread answers.
    static let largeAnswer = 16 << 10
    /// How many requests of one connection may wait to be answered; what comes behind them is not read.
    static let pipelineLimit = 64

    private let settings: ServerSettings
    private let link: ClientConnection
    private let connections: ConnectionTable
    private var admission: ConnectionTable.Admission?
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
    /// Runs while a large answer waits, however steadily it is read.
    private var answerDeadline: Scheduled<Void>?
    private var largeAnswers = 0

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

    /// Takes the connection or refuses it; from now on the first head has its time.
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
        default:
            if let event = event as? ChannelEvent, event == .inputClosed { link.clientStopped() }
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stopClock()
        readingDeadline?.cancel()
        answerDeadline?.cancel()
        link.connectionClosed()
        if let admission { connections.leave(link, admission) }
        context.fireChannelInactive()
    }
}

// MARK: - Requests

extension RequestGuard {
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDiscarding else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard unanswered < Self.pipelineLimit else { return endBehindAnswers() }
            guard Self.hasHost(head) else { return refuseHead(context) }
            begin(head, context)
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
        link.becomeBusy()
        bodyBytes = 0
        if !head.isKeepAlive { closes = true }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        guard head.headers.first(name: "expect")?.lowercased() == "100-continue", length <= settings.bulkLimit,
            unanswered == 1
        else { return }
        context.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    /// One Host, as RFC 9112 demands; only HTTP/1.0 may do without.
    private static func hasHost(_ head: HTTPRequestHead) -> Bool {
        let count = head.headers.count { $0.name.utf8.count == 4 && $0.name.lowercased() == "host" }
        return count == 1 || (count == 0 && head.version == .http1_0)
    }

    /// Refuses a head, unless an answer under way belongs to an earlier request: then the connection just ends behind it.
    private func refuseHead(_ context: ChannelHandlerContext) {
        if unanswered > 0 { endBehindAnswers() } else { refuse(.hostMissing, context) }
    }

    /// Reads nothing more, and closes the connection behind the answers to what was read.
    private func endBehindAnswers() {
        closes = true
        isDiscarding = true
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An answer under way belongs to another request; its handler sees the fault and answers it.
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
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body(.byteBuffer(let buffer)) where buffer.readableBytes >= Self.largeAnswer:
            context.write(data, promise: watched(promise, buffer.readableBytes, context))
        case .body: context.write(data, promise: promise)
        case .end where closes && unanswered == 1:
            unanswered = 0
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.assumeIsolated().whenComplete { _ in self.leave(context) }
            context.write(data, promise: written)
        case .end:
            unanswered -= 1
            if unanswered == 0 { rest(context) }
            context.write(data, promise: promise)
        }
    }

    /// Nothing is under way any more; the rest of a body that was refused has no more time than a head.
    private func rest(_ context: ChannelHandlerContext) {
        link.becomeIdle()
        if isReading { expect(within: settings.headDeadline, context) }
    }

    /// The promise of a large answer, which must be read within the deadline.
    private func watched(
        _ promise: EventLoopPromise<Void>?, _ count: Int, _ context: ChannelHandlerContext
    ) -> EventLoopPromise<Void> {
        largeAnswers += 1
        if answerDeadline == nil { answerDeadline = closing(after: settings.answerDeadline, context) }
        let written = promise ?? context.eventLoop.makePromise()
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.connections.wasRead(count, by: self.link)
            self.largeAnswers -= 1
            self.answerDeadline?.cancel()
            self.answerDeadline =
                self.largeAnswers > 0 ? self.closing(after: self.settings.answerDeadline, context) : nil
        }
        return written
    }

    /// Who asks and does not read must not hold an answer for ever.
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readingDeadline?.cancel()
        readingDeadline = context.channel.isWritable ? nil : closing(after: settings.readingDeadline, context)
        context.fireChannelWritabilityChanged()
    }

    private func closing(after limit: Duration, _ context: ChannelHandlerContext) -> Scheduled<Void> {
        let channel = context.channel
        return context.eventLoop.scheduleTask(in: TimeAmount(limit)) { channel.close(promise: nil) }
    }
}

// MARK: - Deadlines and ends

extension RequestGuard {
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
        // Who sent nothing expects no answer, and who has one already may not take another for that of a later request.
        guard unanswered == 0, isBeginning else { return context.close(promise: nil) }
        refuse(.tooSlow, context)
    }

    /// Writes a last answer and leaves.
    private func refuse(_ answer: FinalResponse, _ context: ChannelHandlerContext) {
        stopClock()
        isDiscarding = true
        let (head, body) = answer.parts(context.channel.allocator)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.leave(context) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    /// Closes our side, and the connection a second later: at once, unread input would take the answer with it.
    private func leave(_ context: ChannelHandlerContext) {
        isDiscarding = true
        stopClock()
        link.becomeIdle()
        let channel = context.channel
        channel.close(mode: .output, promise: nil)
        channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    }
}
