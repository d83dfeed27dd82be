// The probe server of a process without an API, such as a worker.

public import Logging
public import MartletQueue
import NIOCore
import NIOPosix
public import ServiceLifecycle

/// Serves only `/livez`, `/readyz` and `/metrics`.
///
/// A service with its own thread and connections. List it first, so that it answers until all others have stopped.
public final class ProbeServer: Service, Sendable {
    private let listener: HTTPListener
    private let logger: Logger
    private let onRunning: MartletServer.Running

    /// Creates a probe server.
    ///
    /// - Parameters:
    ///   - store: the store whose Redis `/readyz` checks.
    ///   - host: the address to listen on; requests need no token.
    ///   - port: the port; 0 chooses a free one.
    ///   - isAlive: decides `/livez`; restart a process for which it is false.
    ///   - metrics: the body of `/metrics`.
    ///   - checks: the checks of `/readyz` besides Redis.
    ///   - findings: the findings about Redis for `/readyz?verbose`.
    ///   - logger: receives a line per failed request.
    ///   - onRunning: called with the port when it listens.
    public init(
        store: JobStore, host: String, port: Int, isAlive: @escaping @Sendable () -> Bool,
        metrics: @escaping @Sendable () async -> String, checks: [ReadinessCheck] = [],
        findings: @escaping @Sendable () -> [ReadinessFinding] = { [] }, logger: Logger,
        onRunning: @escaping MartletServer.Running = { _ in }
    ) {
        var settings = ServerSettings()
        settings.host = host
        settings.port = port
        settings.maxConnections = 100
        settings.maxConnectionsPerAddress = 100
        let authenticator = Authenticator(tokens: nil)
        var api = API(
            store: store, settings: settings, authenticator: authenticator, downloads: .none, metrics: metrics,
            checks: checks, findings: findings, logger: logger)
        api.isAlive = isAlive
        let connections = ConnectionTable(settings, listener: "probes")
        let gateway = APIResponder(
            api: api, authenticator: authenticator, isForProbes: true, connections: connections,
            logger: logger)
        listener = HTTPListener(settings: settings, connections: connections, gateway: gateway, logger: logger)
        self.logger = logger
        self.onRunning = onRunning
    }

    /// Listens until the service group shuts down.
    public func run() async throws { try await listener.runProbes(logger: logger, onRunning: onRunning) }
}

extension HTTPListener {
    /// Probes run on their own thread, so they are answered while others are busy.
    func runProbes(logger: Logger, onRunning: @escaping MartletServer.Running) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let result: Result<Void, any Error>
        do {
            try await run(on: group) { [host = settings.host] port in
                logger.info("listening for probes", metadata: ["host": "\(host)", "port": .stringConvertible(port)])
                await onRunning(port)
            }
            result = .success(())
        } catch { result = .failure(error) }
        try await group.shutdownGracefully()
        try result.get()
    }
}

extension DownloadCatalog {
    /// No downloads.
    fileprivate static var none: DownloadCatalog {
        DownloadCatalog(
            type: "",
            plan: { _ throws(DownloadRefusal) in throw DownloadRefusal(field: "url", detail: "is not taken here") },
            numbered: { name, _ in name }, renamed: { _, _, _ throws(DownloadRefusal) in nil }, facts: { _, _ in nil })
    }
}
