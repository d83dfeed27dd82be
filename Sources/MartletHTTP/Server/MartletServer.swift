// The HTTP server as a service: put together from its parts, run until its group shuts down.

public import Logging
public import MartletQueue
import NIOCore
public import ServiceLifecycle

/// The HTTP surface of a store.
///
/// A service: `run()` listens until the service group shuts down, then finishes the requests that it has begun.
///
/// With ``ServerSettings/probePort`` there is a second listener, with a thread and connections of its own, for the paths
/// that machines ask: `/livez`, `/readyz` and `/metrics` answer there whatever happens on the first.
public final class MartletServer: Service, Sendable {
    /// What is called with a port once something listens on it.
    public typealias Running = @Sendable (Int) async -> Void

    private let main: HTTPListener
    private let probes: HTTPListener?
    private let logger: Logger
    private let onRunning: Running
    private let onProbesRunning: Running

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
    ///   - onProbesRunning: called with the port of the listener for probes once it listens.
    public init(
        store: JobStore, settings: ServerSettings = ServerSettings(), tokens: TokenSource? = nil,
        downloads: DownloadCatalog, metrics: (@Sendable () async -> String)? = nil, checks: [ReadinessCheck] = [],
        findings: @escaping @Sendable () -> [ReadinessFinding] = { [] }, logger: Logger,
        onRunning: @escaping Running = { _ in }, onProbesRunning: @escaping Running = { _ in }
    ) throws(ServerConfigurationError) {
        try settings.check(tokens: tokens?.current)
        let api = API(
            store: store, settings: settings, downloads: downloads, metrics: metrics, checks: checks,
            findings: findings)
        let authenticator = Authenticator(tokens: tokens)
        func listener(_ settings: ServerSettings, isForProbes: Bool = false) -> HTTPListener {
            let connections = ConnectionTable(settings, listener: isForProbes ? "probes" : "main")
            let gateway = APIResponder(
                api: api, authenticator: authenticator, isForProbes: isForProbes, connections: connections,
                logger: logger)
            return HTTPListener(settings: settings, connections: connections, gateway: gateway, logger: logger)
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
        try await main.run { [onRunning, logger, host = main.settings.host] port in
            logger.info("listening", metadata: ["host": "\(host)", "port": .stringConvertible(port)])
            await onRunning(port)
        }
    }
}
