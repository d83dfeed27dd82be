// A raw socket, to send what no HTTP client would.

import NIOCore
import NIOPosix

/// Sends bytes as they are and reads until the server closes, or as much as is asked for.
struct RawConnection {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    init(port: Int) async throws {
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(5))
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                }
            }
    }

    /// Sends the pieces and hangs up without reading a byte.
    func sendAndLeave(_ pieces: [String]) async throws {
        try await channel.executeThenClose { _, outbound in
            for piece in pieces { try await outbound.write(ByteBuffer(string: piece)) }
        }
    }

    /// Sends the pieces and answers all that came until the server closed, or until `enough` says so.
    func exchange(
        _ pieces: [String], enough: @escaping @Sendable (String) -> Bool = { _ in false }
    ) async throws -> String {
        try await channel.executeThenClose { inbound, outbound in
            for piece in pieces { try? await outbound.write(ByteBuffer(string: piece)) }
            var all = ""
            do {
                for try await buffer in inbound {
                    all += String(buffer: buffer)
                    if enough(all) { break }
                }
            } catch {}
            return all
        }
    }

    /// The same with bytes that need not be text.
    func exchange(bytes: [UInt8]) async throws -> String {
        try await channel.executeThenClose { inbound, outbound in
            try? await outbound.write(ByteBuffer(bytes: bytes))
            var all = ""
            do { for try await buffer in inbound { all += String(buffer: buffer) } } catch {}
            return all
        }
    }
}
