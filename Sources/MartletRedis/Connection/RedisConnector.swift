// Opens one connection: socket, TLS and handshake, within the connect timeout.

import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Opens connections for one client.
final class RedisConnector: Sendable {
    private let configuration: RedisConfiguration
    private let loop: any EventLoop
    private let tls = Mutex<NIOSSLContext?>(nil)

    init(_ configuration: RedisConfiguration, loop: any EventLoop) {
        self.configuration = configuration
        self.loop = loop
    }

    /// Opens a connection and passes it to `core` when it is ready.
    ///
    /// - Returns: the channel, ready for commands.
    func open(for core: RedisCore) async throws(RedisError) -> any Channel {
        let context = try tlsContext()
        let opened = loop.makePromise(of: Void.self)
        let connecting = connect(bootstrap(core, context, opened))
        connecting.whenFailure { opened.fail($0) }
        opened.futureResult.whenFailure { _ in connecting.whenSuccess { $0.close(promise: nil) } }
        let timeout = configuration.connectTimeout
        let limit = loop.scheduleTask(in: TimeAmount(timeout)) { [address = configuration.address] in
            opened.fail(RedisError(.connectionFailed, "no connection to \(address) within \(timeout)"))
        }
        defer { limit.cancel() }
        guard core.attemptStarted(opened) else {
            opened.fail(RedisError(.closed, "the client has been shut down"))
            throw RedisError(.closed, "the client has been shut down")
        }
        do {
            try await opened.futureResult.get()
            return try await connecting.get()
        } catch {
            throw core.connectionError(error, wasReady: false)
        }
    }

    private func bootstrap(
        _ core: RedisCore, _ context: NIOSSLContext?, _ opened: EventLoopPromise<Void>
    ) -> ClientBootstrap {
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { [serverName] channel in
                channel.eventLoop.makeCompletedFuture {
                    let sync = channel.pipeline.syncOperations
                    // NIO does not set close-on-exec: a program started by a handler would keep the connection open.
                    try sync.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { socket in
                        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
                    }
                    if let context {
                        try sync.addHandler(NIOSSLClientHandler(context: context, serverHostname: serverName))
                    }
                    try sync.addHandler(
                        RedisChannelHandler(core: core, waitsForTLS: context != nil, opened: opened))
                }
            }
        guard case .tcp = configuration.endpoint else { return bootstrap }
        return
            bootstrap
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
    }

    /// Host names are resolved for each connection, off the event loop.
    private func connect(_ bootstrap: ClientBootstrap) -> EventLoopFuture<any Channel> {
        switch configuration.endpoint {
        case .unixSocket(let path): bootstrap.connect(unixDomainSocketPath: path)
        case .tcp(let host, let port, _): bootstrap.connect(host: host, port: port)
        }
    }

    /// The host name that the certificate must match; `nil` for an address, which TLS compares itself.
    private var serverName: String? {
        guard case .tcp(let host, let port, _) = configuration.endpoint else { return nil }
        return (try? SocketAddress(ipAddress: host, port: port)) == nil ? host : nil
    }

    /// TLS 1.2 or later, with the system's authorities unless others are configured.
    static func tlsSettings(of configuration: RedisConfiguration) -> TLSConfiguration {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.minimumTLSVersion = .tlsv12
        if let file = configuration.tlsTrustRoots { settings.trustRoots = .file(file) }
        return settings
    }

    /// The trusted authorities, read once.
    private func tlsContext() throws(RedisError) -> NIOSSLContext? {
        guard case .tcp(_, _, tls: true) = configuration.endpoint else { return nil }
        do {
            return try tls.withLock { known in
                if let known { return known }
                let made = try NIOSSLContext(configuration: Self.tlsSettings(of: configuration))
                known = made
                return made
            }
        } catch {
            throw RedisError(
                .connectionFailed, "the file of certificate authorities (?ca=) cannot be read or holds none",
                underlying: error)
        }
    }
}
