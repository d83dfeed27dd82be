// A port for a server on this machine that somebody else will start.

import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Ports of the loopback interface.
package enum LoopbackPort {
    private static let range = 20_000..<32_000
    /// The ports that this process was given; a service that was given one may not listen on it yet.
    private static let given = Mutex<Set<Int>>([])

    /// A port of the loopback interface that nobody uses now, another one at each call.
    ///
    /// From below the range out of which systems take ports for outgoing connections, so that it stays free.
    package static func free() async throws -> Int {
        while true {
            let port = next()
            do {
                let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .bind(host: "127.0.0.1", port: port).get()
                try await channel.close().get()
                return port
            } catch let error as IOError where error.errnoCode == EADDRINUSE {
                continue
            }
        }
    }

    private static func next() -> Int {
        given.withLock { given in
            if given.count > range.count / 2 { given = [] }
            while true {
                let port = Int.random(in: range)
                if given.insert(port).inserted { return port }
            }
        }
    }
}
