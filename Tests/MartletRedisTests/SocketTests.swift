// The sockets of connections belong to this process alone.

import MartletRedis
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite struct SocketTests {
    /// Where the unix socket `descriptor` leads; `nil` for everything else.
    private func peer(of descriptor: Int32) -> String? {
        var address = sockaddr_un()
        var length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let code = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
        }
        guard code == 0, Int32(address.sun_family) == AF_UNIX else { return nil }
        return withUnsafeBytes(of: address.sun_path) { path in
            String(decoding: path.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    @Test func `a program that a handler starts inherits no connection`() async throws {
        try await withServer { (server, client) async throws in
            #expect(try await client.ask("PING").string == "PONG")
            var sockets: [Int32] = []
            // The connection that saw the server start may still be there.
            try await eventually("one connection is left") {
                sockets = (0..<4096 as Range<Int32>).filter { peer(of: $0) == server.socketPath }
                return sockets.count == 1
            }
            for socket in sockets { #expect(fcntl(socket, F_GETFD) & FD_CLOEXEC != 0) }
        }
    }
}
