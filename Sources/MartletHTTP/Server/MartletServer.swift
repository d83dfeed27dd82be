// The HTTP server as a service: put together from its parts, run until its group shuts down.

import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
public import MartletQueue
import NIOCore
public import ServiceLifecycle

/// The HTTP surface of a store.
///
/// A service: `run()` listens until the service group shuts down, then finishes the requests that it has begun.
public final class MartletServer: Service, Sendable {
    private let settings: ServerSettings
    private let gateway: Gateway
    private let logger: Logger
    private let onRunning: @Sendable (Int) async -> Void

    /// A server over a store that runs elsewhere in the same group.
    ///
    /// - Parameters:
    ///   - store: the store that is served.
    ///   - settings: how to listen and what to take.
    ///   - tokens: who may come in; `nil` lets everyone in, which only loopback addresses allow.
    ///   - downloads: the rules of the download surface.
    ///   - metrics: the body of `/metrics` in Prometheus' text format; `nil` when the process keeps none.
    ///   - checks: what `/readyz` asks besides Redis.
    ///   - findings: what `/readyz?verbose` says was found out about Redis.
    ///   - logger: gets a line for each request.
    ///   - onRunning: called with the port once the server listens.
    public init(
        store: JobStore, settings: ServerSettings = ServerSettings(), tokens: TokenTable? = nil,
        downloads: DownloadCatalog, metrics: (@Sendable () async -> String)? = nil, checks: [ReadinessCheck] = [],
        findings: @escaping @Sendable () -> [ReadinessFinding] = { [] }, logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) throws(ServerConfigurationError) {
        try settings.check(tokens: tokens)
        let api = API(
            store: store, settings: settings, downloads: downloads, metrics: metrics, checks: checks,
            findings: findings)
        self.settings = settings
        self.logger = logger
        self.onRunning = onRunning
        gateway = Gateway(api: api, gate: Gate(tokens: tokens), logger: logger)
    }

    /// Listens until the service group shuts down.
    public func run() async throws {
        var framework = logger
        framework.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            responder: gateway,
            server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), serverName: nil,
                availableConnectionsDelegate: .maximum(settings.maxConnections, logger: framework)),
            onServerRunning: { [onRunning, logger, host = settings.host] channel in
                let port = channel.localAddress?.port ?? 0
                logger.info("listening", metadata: ["host": "\(host)", "port": "\(port)"])
                await onRunning(port)
            },
            logger: framework)
        try await application.run()
    }

    private var server: HTTPServerBuilder {
        let settings = settings
        let executors = LoopExecutors()
        let configuration = HTTP1Channel.Configuration(
            idleTimeout: TimeAmount(settings.idleTimeout),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: settings.headLimit, maxHeaderListSize: settings.headLimit, maxHeaderFieldCount: 100)
        )
        return HTTPServerBuilder { responder in
            GuardedChannel(
                base: HTTP1Channel(responder: responder, configuration: configuration), settings: settings,
                executors: executors)
        }
    }
}
