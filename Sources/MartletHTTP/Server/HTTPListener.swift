// One listening address of a server.

import Hummingbird
import HummingbirdCore
import Logging
import MartletEventLoop
import NIOCore

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
    ///   - onRunning: called with the port when it listens.
    func run(on group: (any EventLoopGroup)? = nil, onRunning: @escaping @Sendable (Int) async -> Void) async throws {
        var framework = logger
        framework.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            responder: gateway,
            server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), serverName: nil),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? 0) },
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
