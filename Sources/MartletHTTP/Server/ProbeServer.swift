// The probes of a process that serves nothing else, such as a worker.

public import Logging
public import MartletQueue
import NIOCore
import NIOPosix
public import ServiceLifecycle

/// Answers `/livez`, `/readyz` and `/metrics` of a process, and nothing else.
///
/// A service with a thread and connections of its own. List it first, so that it answers until all others have ended.
public final class ProbeServer: Service, Sendable {
    private let listener: HTTPListener
    private let logger: Logger
    private let onRunning: MartletServer.Running

    /// A listener for probes.
    ///
    /// - Parameters:
    ///   - store: whose Redis `/readyz` asks.
    ///   - host: where to listen; nobody is asked for a token.
    ///   - port: 0 takes a free one.
    ///   - isAlive: what `/livez` asks; a process for which it is false should be restarted.
    ///   - metrics: the body of `/metrics` in Prometheus' text format.
    ///   - checks: what `/readyz` asks besides Redis.
    ///   - findings: what `/readyz?verbose` says was found out about Redis.
    ///   - logger: gets a line for each request that fails.
    ///   - onRunning: called with the port once it listens.
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
        var api = API(
            store: store, settings: settings, downloads: .none, metrics: metrics, checks: checks, findings: findings)
        api.isAlive = isAlive
        let connections = ConnectionTable(settings, listener: "probes")
        let gateway = APIResponder(
            api: api, authenticator: Authenticator(tokens: nil), isForProbes: true, connections: connections,
            logger: logger)
        listener = HTTPListener(settings: settings, connections: connections, gateway: gateway, logger: logger)
        self.logger = logger
        self.onRunning = onRunning
    }

    /// Listens until the service group shuts down.
    public func run() async throws { try await listener.runProbes(logger: logger, onRunning: onRunning) }
}

extension HTTPListener {
    /// Probes have a thread of their own, so that they are answered while the others are busy.
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
    /// No downloads: nothing is planned and nothing is read.
    fileprivate static var none: DownloadCatalog {
        DownloadCatalog(
            type: "",
            plan: { _ throws(DownloadRefusal) in throw DownloadRefusal(field: "url", detail: "is not taken here") },
            numbered: { name, _ in name }, renamed: { _, _, _ throws(DownloadRefusal) in nil }, facts: { _, _ in nil })
    }
}
