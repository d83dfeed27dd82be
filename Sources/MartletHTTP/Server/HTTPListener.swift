// One listening address of a server.

import Hummingbird
import HummingbirdCore
import Logging
import MartletEventLoop
import NIOCore
import Synchronization

/// A listening address with its connections.
struct HTTPListener: Sendable {
    let settings: ServerSettings
    let connections: ConnectionTable
    let gateway: APIResponder
    let logger: Logger
    /// The certificate with which it speaks TLS; `nil` for plain HTTP.
    var certificate: ServerCertificate?

    /// Listens until the service group shuts down.
    ///
    /// - Parameters:
    ///   - group: the connections' threads; `nil` means the shared ones.
    ///   - onRunning: called with the port when it listens; 0 for a Unix socket.
    func run(on group: (any EventLoopGroup)? = nil, onRunning: @escaping @Sendable (Int) async -> Void) async throws {
        let socket = settings.socketPath.map { SocketFile(path: $0, mode: settings.socketMode) }
        try await socket?.clear()
        let opened = OpenedSocket()
        defer { opened.close() }
        var framework = logger
        framework.logLevel = max(logger.logLevel, .warning)
        let address: BindAddress =
            if let socket { .unixDomainSocket(path: socket.path) } else {
                .hostname(settings.host, port: settings.port)
            }
        let application = Application(
            responder: gateway,
            server: server,
            configuration: ApplicationConfiguration(address: address, serverName: nil),
            onServerRunning: { channel in
                if let socket, !opened.open(socket, logger) { return channel.close(promise: nil) }
                await onRunning(channel.localAddress?.port ?? 0)
            },
            eventLoopGroupProvider: group.map { .shared($0) } ?? .singleton,
            logger: framework)
        try await application.run()
    }

    private var server: HTTPServerBuilder {
        let (settings, connections, certificate) = (settings, connections, certificate)
        let executors = EventLoopExecutors()
        let configuration = HTTP1Channel.Configuration(
            idleTimeout: TimeAmount(settings.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: settings.headLimit, maxHeaderListSize: settings.headLimit, maxHeaderFieldCount: 100)
        )
        return HTTPServerBuilder { responder in
            GuardedChannel(
                base: HTTP1Channel(responder: responder, configuration: configuration), settings: settings,
                executors: executors, connections: connections, certificate: certificate)
        }
    }
}

/// The file of the socket that a listener has opened.
private final class OpenedSocket: Sendable {
    private let remove = Mutex<(@Sendable () -> Void)?>(nil)

    /// Sets the permissions; false, with a line in the log, when that is not possible.
    func open(_ socket: SocketFile, _ logger: Logger) -> Bool {
        do {
            let close = try socket.open()
            remove.withLock { $0 = close }
            return true
        } catch {
            logger.error("cannot listen", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Removes the file.
    func close() { remove.withLock { $0.take() }?() }
}
