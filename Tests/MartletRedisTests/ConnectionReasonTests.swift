// Faults of a connection are told in plain words; no text of a library is shown.

import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import MartletRedis

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite struct ConnectionReasonTests {
    @Test(
        arguments: [
            (IOError(errnoCode: ECONNREFUSED, reason: "connect(descriptor:addr:size:)"), "nothing listens there"),
            (IOError(errnoCode: ENOENT, reason: "connect"), "there is no such socket"),
            (IOError(errnoCode: 9999, reason: "connect"), "the system reports error 9999"),
            (ChannelError.connectTimeout(.seconds(3)), "there was no answer in time"),
            (ChannelError.eof, "the other side closed the connection"),
            (SocketAddressError.unixDomainSocketPathTooLong, "the path of the socket is too long"),
            (NIOSSLExtraError.failedToValidateHostname, "TLS failed: the certificate is for another name"),
            (NIOSSLError.uncleanShutdown, "the other side closed the connection"),
        ] as [(any Error, String)])
    func `errors of libraries become plain reasons`(_ error: any Error, _ text: String) {
        #expect(ConnectionReason.text(error) == text)
    }

    @Test func `a closed port and an unknown name are reported as such`() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        for (host, text) in [("127.0.0.1", "nothing listens there"), ("no-such-host.invalid", "cannot be resolved")] {
            let error = await #expect(throws: (any Error).self) {
                try await ClientBootstrap(group: group).connect(host: host, port: 1).get()
            }
            let shown = error.map { ConnectionReason.text($0) } ?? ""
            #expect(shown.contains(text), "\(shown)")
        }
    }
}
