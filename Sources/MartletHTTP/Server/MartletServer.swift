// The HTTP server as a service.

public import Logging
public import MartletQueue
import NIOCore
public import ServiceLifecycle

/// The HTTP API of a store.
///
/// A service: `run()` listens until the service group shuts down, then finishes the requests in flight.
///
/// With ``ServerSettings/probePort`` there is a second listener with its own thread and connections for `/livez`,
/// `/readyz` and `/metrics`, which answers whatever happens on the first.
public final class MartletServer: Service, Sendable {
    /// Called with the port when a listener is ready; with 0 when it is a Unix socket.
    public typealias Running = @Sendable (Int) async -> Void

    private let main: HTTPListener
    private let probes: HTTPListener?
    private let logger: Logger
    private let onRunning: Running
    private let onProbesRunning: Running

    /// Creates a server for a store that runs in the same group.
    ///
    /// - Parameters:
    ///   - store: the store.
    ///   - settings: addresses, limits and timeouts.
    ///   - certificate: the certificate with which the first listener speaks TLS; `nil` for plain HTTP.
    ///   - tokens: the valid tokens; `nil` disables authentication, which only loopback addresses allow.
    ///   - downloads: the rules of the download API.
    ///   - metrics: the body of `/metrics`; `nil` without metrics.
    ///   - checks: the checks of `/readyz` besides Redis.
    ///   - findings: the findings about Redis for `/readyz?verbose`.
    ///   - logger: receives a line per request.
    ///   - onRunning: called with the port when the server listens.
    ///   - onProbesRunning: called with the port when the probe listener listens.
    public init(
        store: JobStore, settings: ServerSettings = ServerSettings(), certificate: ServerCertificate? = nil,
        tokens: TokenSource? = nil,
        downloads: DownloadCatalog, metrics: (@Sendable () async -> String)? = nil, checks: [ReadinessCheck] = [],
        findings: @escaping @Sendable () -> [ReadinessFinding] = { [] }, logger: Logger,
        onRunning: @escaping Running = { _ in }, onProbesRunning: @escaping Running = { _ in }
    ) throws(ServerConfigurationError) {
        try settings.check(tokens: tokens?.current)
        let authenticator = Authenticator(tokens: tokens)
        let api = API(
            store: store, settings: settings, authenticator: authenticator, downloads: downloads, metrics: metrics,
            checks: checks, findings: findings, usesTLS: certificate != nil, logger: logger)
        func listener(_ settings: ServerSettings, isForProbes: Bool = false) -> HTTPListener {
            let connections = ConnectionTable(settings, listener: isForProbes ? "probes" : "main")
            let gateway = APIResponder(
                api: api, authenticator: authenticator, isForProbes: isForProbes, connections: connections,
                logger: logger)
            return HTTPListener(
                settings: settings, connections: connections, gateway: gateway, logger: logger,
                certificate: isForProbes ? nil : certificate)
        }
        main = listener(settings)
        probes = settings.ofProbes.map { listener($0, isForProbes: true) }
        self.logger = logger
        self.onRunning = onRunning
        self.onProbesRunning = onProbesRunning
    }

    /// Listens until the service group shuts down.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.runMain() }
            if let probes {
                group.addTask { try await probes.runProbes(logger: self.logger, onRunning: self.onProbesRunning) }
            }
            for try await _ in group {}
        }
    }

    private func runMain() async throws {
        try await main.run { [onRunning, logger, settings = main.settings] port in
            var place: Logger.Metadata = ["host": "\(settings.host)", "port": .stringConvertible(port)]
            if let socket = settings.socketPath { place = ["socket": "\(socket)"] }
            logger.info("listening", metadata: place)
            await onRunning(port)
        }
    }
}
