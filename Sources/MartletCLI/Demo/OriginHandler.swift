// A connection of the origin server: reads requests, sends files at a constant speed, drops connections as planned.

import NIOCore
import NIOHTTP1

/// Handles the requests of one connection.
final class OriginHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// A file being sent.
    private struct Transfer {
        var file: OriginFile
        var position: Int
        var end: Int
        /// The offset at which the connection is dropped.
        var dropsAt: Int?
        /// The offset after which nothing more is sent.
        var stallsAt: Int?
        var place: Int
        var started: NIODeadline
        var sent = 0
    }

    private static let chunkSize = 16_384
    private let content: OriginContent
    private let files: [String: OriginFile]
    private let journal: OriginLog
    private var request: HTTPRequestHead?

    init(content: OriginContent, files: [String: OriginFile], journal: OriginLog) {
        self.content = content
        self.files = files
        self.journal = journal
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): request = head
        case .body: break
        case .end:
            guard let head = request else { return }
            request = nil
            answer(head, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = String(head.uri.prefix { $0 != "?" })
        let file = files[path]
        let name = file?.name ?? path
        let fault = content.fault(name, journal.number(of: name))
        let plan = OriginPlan(
            file: file, range: head.headers.first(name: "range"), ifRange: head.headers.first(name: "if-range"),
            fault: fault)
        switch plan {
        case .refuse(let status, let headers):
            _ = journal.begin(OriginServing(name: name, status: Int(status.code), from: 0))
            writeHead(status, headers, length: 0, head, context)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        case .send(let status, let range, let headers):
            let place = journal.begin(
                OriginServing(name: name, status: Int(status.code), from: range.lowerBound))
            writeHead(status, headers, length: range.count, head, context)
            guard let file, head.method != .HEAD else {
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
                return
            }
            var transfer = Transfer(
                file: file, position: range.lowerBound, end: range.upperBound, place: place, started: .now())
            if case .drop(let count) = fault { transfer.dropsAt = range.lowerBound + count }
            if case .stall(let count) = fault { transfer.stallsAt = range.lowerBound + count }
            context.flush()
            pump(transfer, context)
        }
    }

    private func writeHead(
        _ status: HTTPResponseStatus, _ headers: [String: String], length: Int, _ head: HTTPRequestHead,
        _ context: ChannelHandlerContext
    ) {
        var fields = HTTPHeaders(headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        fields.add(name: "content-length", value: String(length))
        let answer = HTTPResponseHead(version: head.version, status: status, headers: fields)
        context.write(wrapOutboundOut(.head(answer)), promise: nil)
    }

    /// Sends the next chunk and schedules the one after it.
    private func pump(_ transfer: Transfer, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let stop = min(transfer.end, transfer.dropsAt ?? .max, transfer.stallsAt ?? .max)
        guard transfer.position < stop else {
            if transfer.position == transfer.stallsAt { return }
            if transfer.position < transfer.end { return context.close(promise: nil) }
            return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
        let bytes = transfer.file.bytes(
            from: transfer.position, atMost: min(Self.chunkSize, stop - transfer.position))
        let body = wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes))))
        if transfer.position + bytes.count == transfer.end {
            // The client counts bytes: after the last one it may send its next request.
            context.write(body, promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            return journal.add(bytes.count, to: transfer.place)
        }
        let loop = context.eventLoop.assumeIsolated()
        let written = context.writeAndFlush(body)
        written.assumeIsolated().whenSuccess {
            var next = transfer
            next.position += bytes.count
            next.sent += bytes.count
            self.journal.add(bytes.count, to: next.place)
            let due = Int64(Double(next.sent) / Double(max(1, self.content.bytesPerSecond)) * 1e9)
            _ = loop.scheduleTask(deadline: next.started + .nanoseconds(due)) { self.pump(next, context) }
        }
    }
}
