// Answers whose bytes no HTTP library would write: how a body is framed must not become part of the file.

import NIOCore
import NIOPosix
import Testing

@testable import MartletDownloads

@Suite struct RawAnswerTests {
    /// The parser takes chunks apart only where `Transfer-Encoding` is this one word.
    @Test(arguments: [
        ("chunked", true), (" chunked ", true), ("Chunked", true), ("chunked\t", false), ("chunked,", false),
        ("", false), ("chunked, identity", false), ("identity", false), ("xchunked", false),
        ("chunked\r\nTransfer-Encoding: chunked", false),
    ])
    func `chunks are parsed or refused`(coding: String, isPlain: Bool) async throws {
        let harness = try DownloadHarness()
        let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding:\(coding)\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        let origin = try await rawOrigin(answer)
        let port = try #require(origin.localAddress?.port)
        let job = DownloadJob(url: "http://127.0.0.1:\(port)/a", filename: "a")
        if isPlain {
            #expect(try await harness.run(job).bytes == 3)
        } else {
            let error = await harness.failure(job)
            #expect([.badResponse, .badEncoding, .connectionLost].contains(error?.code))
            #expect(!harness.names.contains("a"))
        }
        try await origin.close()
    }

    /// Answers whatever is asked with these bytes, and closes.
    private func rawOrigin(_ answer: String) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RawAnswer(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }
}

private final class RawAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: String

    init(_ answer: String) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}
