// Sockets through system calls, for connections with the least possible cost.

import FoundationEssentials
import MartletCommandSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where a Redis is, as its URL says; without TLS.
struct RedisAddress: Sendable, Equatable {
    var host = "127.0.0.1"
    var port = 6379
    /// The path of a unix socket; then there is no host.
    var path: String?
    var user: String?
    var password: String?
    var database = 0

    /// Whether a host and a port say all of it.
    var isPlain: Bool { path == nil && password == nil && database == 0 }

    /// Reads `redis://[user:password@]host[:port][/db]` or `unix:///path`.
    init(_ url: String) throws {
        guard let parts = URL(string: url), parts.scheme == "redis" || parts.scheme == "unix" else {
            throw CommandFailure(.usage, "--redis \(url): the benchmark needs redis://host:port or unix:///path")
        }
        password = parts.password(percentEncoded: false)
        user = parts.user(percentEncoded: false).flatMap { $0.isEmpty ? nil : $0 }
        if parts.scheme == "unix" {
            path = parts.path
            return
        }
        host = parts.host ?? host
        port = parts.port ?? port
        database = Int(parts.path.dropFirst()) ?? 0
    }
}

/// The system calls, each as a function that throws its error.
enum RawSocket {
    #if canImport(Glibc)
        private static let stream = Int32(SOCK_STREAM.rawValue)
    #else
        private static let stream = SOCK_STREAM
    #endif

    private static let dontWait = Int32(MSG_DONTWAIT)

    /// A connected socket.
    static func open(_ address: RedisAddress) throws -> Int32 {
        let descriptor = try address.path.map(openUnix) ?? openTCP(address.host, address.port)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private static func openTCP(_ host: String, _ port: Int) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = stream
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0 else {
            throw CommandFailure(.unavailable, "\(host) is not known")
        }
        defer { freeaddrinfo(found) }
        var entry = found
        while let info = entry?.pointee {
            let descriptor = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
            if descriptor >= 0, connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 {
                var one: Int32 = 1
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                return descriptor
            }
            if descriptor >= 0 { close(descriptor) }
            entry = info.ai_next
        }
        throw CommandFailure(.unavailable, "nothing listens on \(host):\(port)")
    }

    private static func openUnix(_ path: String) throws -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw CommandFailure(.usage, "the path of the socket is too long: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, stream, 0)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw CommandFailure(.unavailable, "nothing listens on \(path)") }
        return descriptor
    }

    /// Writes all bytes.
    static func send(_ bytes: [UInt8], to descriptor: Int32) throws {
        var sent = 0
        while sent < bytes.count { sent += try write(bytes, from: sent, to: descriptor, flags: 0) }
    }

    /// Writes as much as the system takes at once; how much that was.
    static func sendSome(_ bytes: [UInt8], from start: Int, to descriptor: Int32) throws -> Int {
        try write(bytes, from: start, to: descriptor, flags: dontWait)
    }

    private static func write(
        _ bytes: [UInt8], from start: Int, to descriptor: Int32, flags: Int32
    ) throws -> Int {
        let end = min(bytes.count, start + (1 << 18))
        let count = bytes[start..<end].withUnsafeBytes {
            sendBytes(descriptor, $0.baseAddress, $0.count, flags)
        }
        if count < 0, errno == EAGAIN || errno == EINTR { return 0 }
        guard count >= 0 else { throw failure("write") }
        return count
    }

    /// Reads what is there into `buffer` from `start` on, and waits when nothing is; how many bytes came.
    static func receive(from descriptor: Int32, into buffer: inout [UInt8], at start: Int) throws -> Int {
        while true {
            let count = buffer.withUnsafeMutableBytes { bytes in
                read(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
            }
            if count > 0 { return count }
            guard count < 0, errno == EINTR else { throw failure("read") }
        }
    }

    /// Waits until something can be read, or written if wanted; whether something can be read.
    static func wait(for descriptor: Int32, orToWrite: Bool) throws -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLIN | (orToWrite ? POLLOUT : 0)), revents: 0)
        let count = poll(&request, 1, 60_000)
        guard count > 0 || errno == EINTR else { throw failure("wait for") }
        return count > 0 && request.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0
    }

    private static func failure(_ verb: String) -> CommandFailure {
        CommandFailure(.unavailable, "cannot \(verb) the connection to Redis (errno \(errno))")
    }
}

/// The C function `send`, under a name that no method hides.
private func sendBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
    send(descriptor, bytes, count, flags)
}
