// The origin of the download figure: a server that sends bytes from memory.

import Crypto
import FoundationEssentials
import MartletCommandSupport
import MartletJobs
import NIOCore
import NIOHTTP1
import NIOPosix

/// What the origin has.
struct OriginOrder: Codable, Sendable, Equatable {
    var port: Int
    /// The bytes of the file `/big`; every other path is a file of ``BenchOrigin/smallSize`` bytes.
    var bigSize: Int
}

/// A server of one block of bytes that repeats.
enum BenchOrigin {
    static let smallSize = 65_536
    private static let blockSize = 1 << 20

    /// The bytes of which every file consists, over and over.
    static let block: [UInt8] = {
        var state: UInt64 = 42
        return (0..<blockSize).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }()

    /// The SHA-256 of a file of this size, in hexadecimal digits.
    static func sha256(of size: Int) -> String {
        var hash = SHA256()
        for start in stride(from: 0, to: size, by: blockSize) { hash.update(data: block.prefix(size - start)) }
        return Hex.text(of: hash.finalize())
    }

    /// Serves until the task is cancelled or the other end of standard input is closed.
    static func serve(_ order: OriginOrder) async throws {
        let block = ByteBuffer(bytes: block)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .writeBufferWaterMark, value: .init(low: blockSize, high: 4 * blockSize)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try pipeline.addHandler(BenchOriginHandler(block: block, bigSize: order.bigSize))
                }
            }
            .bind(host: "127.0.0.1", port: order.port).get()
        await StandardInput.end()
        try await channel.close().get()
    }
}

/// Answers each request with a file.
private final class BenchOriginHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let block: ByteBuffer
    private let bigSize: Int
    private var size = 0
    /// What is still to be sent of the file; `nil` between answers.
    private var left: Int?

    init(block: ByteBuffer, bigSize: Int) {
        self.block = block
        self.bigSize = bigSize
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): size = head.uri == "/big" ? bigSize : BenchOrigin.smallSize
        case .body: break
        case .end:
            let fields = HTTPHeaders([
                ("content-length", String(size)), ("content-type", "application/octet-stream"), ("etag", "\"\(size)\""),
            ])
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: fields))), promise: nil)
            left = size
            send(context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        send(context)
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Writes as much as the connection takes.
    ///
    /// A write may call this again, by `channelWritabilityChanged`.
    private func send(_ context: ChannelHandlerContext) {
        while let rest = left, rest > 0, context.channel.isWritable {
            let count = min(rest, block.readableBytes)
            guard let part = block.getSlice(at: 0, length: count) else { break }
            left = rest - count
            context.write(wrapOutboundOut(.body(.byteBuffer(part))), promise: nil)
        }
        if left == 0 {
            left = nil
            context.write(wrapOutboundOut(.end(nil)), promise: nil)
        }
        context.flush()
    }
}
