// The composition root: the services of a process, in order, with their settings.

import CoreMetrics
import FoundationEssentials
import Logging
import MartletChecks
import MartletCommandSupport
import MartletDownloads
import MartletHTTP
import MartletMaintenance
import MartletProcess
import MartletQueue
import MartletRedis
import MartletTelemetry
import MartletWorker
import NIOCore
import ServiceLifecycle

/// Creates the services of a process.
///
/// Services start in order and stop in reverse: those that accept work first, Redis last.
struct Composition {
    let settings: ServiceSettings
    let store: JobStore
    private let gate: StartGate
    private let logger: Logger
    private let registry: PrometheusRegistry

    /// Creates the composition without connecting.
    ///
    /// - Parameter offlinePatience: how long a command waits for an unavailable Redis; `nil` means the default.
    init(_ settings: ServiceSettings, _ telemetry: Telemetry, offlineTimeout: Duration? = nil) throws {
        self.settings = settings
        logger = telemetry.logger
        registry = telemetry.registry
        var redis = try StoreSession.configuration(settings.redis)
        redis.offlineTimeout = offlineTimeout
        store = JobStore(redis: redis, prefix: settings.redis.prefix, logger: logger)
        store.limitQueues(to: settings.redis.queueLimit)
        gate = StartGate(try settings.redis.checked, store: store, logger: logger)
    }

    /// The services of a server, and what it reloads on SIGHUP.
    struct Serving {
        var services: [any Service]
        /// Reloads the files of tokens and certificate; `nil` without any.
        var reload: (@Sendable () -> Void)?
    }

    /// A server with its maintenance services; `onRunning` receives the port when it listens.
    func serving(onRunning: @escaping @Sendable (Int) async -> Void = { _ in }) throws -> Serving {
        try settings.checkServer()
        ClusterMetrics.add(to: registry, store: store)
        let maintenance = MaintenanceService(store, gate: gate, configuration: maintenance, logger: logger)
        let tokens = try settings.http.tokensFile.map { try TokenFileService(path: $0, logger: logger) }
        let files = try settings.http.certificateFiles.map { try CertificateService($0, logger: logger) }
        let certificate = files?.certificate
        if let certificate { ClusterMetrics.add(to: registry, certificate: certificate) }
        let findings: @Sendable () -> [ReadinessFinding] = {
            let term = certificate.map { CertificateTerm($0.expires).checkup }
            return (maintenance.checks + [term].compactMap(\.self)).map(\.finding)
        }
        let watched: [(any ReloadingService)?] = [tokens, files]
        let reloading = watched.compactMap(\.self)
        let server = try server(certificate, tokens?.tokens, findings, onRunning)
        let services: [any Service] = [maintenance] + reloading + [server]
        guard !reloading.isEmpty else { return Serving(services: services) }
        return Serving(services: services, reload: { for files in reloading { files.reload() } })
    }

    private var maintenance: MaintenanceConfiguration {
        var configuration = MaintenanceConfiguration()
        configuration.environment = settings.redis.environment
        configuration.stateDirectory = settings.http.stateDirectory
        configuration.memoryLimitPercent = settings.redis.memoryLimitPercent
        configuration.queueSettings = [
            .downloads: QueueSettingsChange(
                limit: settings.download.maxConcurrentDownloads, lease: settings.download.lease)
        ]
        return configuration
    }

    /// A worker with the built-in handlers, and those of `more`; throws when it could not store what it downloads.
    func working(_ more: Handlers = Handlers {}) throws -> [any Service] {
        let downloads = try downloads
        let handler = DownloadHandler(downloads)
        var configuration = WorkerConfiguration()
        configuration.grace = settings.worker.shutdownGrace
        configuration.version = Version.current
        configuration.isolatesLostJobs = true
        let unknownTypeLimit = settings.worker.unknownTypeLimit
        configuration.unknownTypeLimit = unknownTypeLimit > .zero ? unknownTypeLimit : nil
        let health = WorkerHealth()
        if settings.worker.httpPort != nil { configuration.health = health }
        let slots = settings.worker.queues.map { ($0.queue, $0.slots) }
        let worker = Worker(
            store, queues: Dictionary(slots, uniquingKeysWith: { $1 }), configuration: configuration, logger: logger
        ) {
            handler
            more
        }
        guard !Worker.runsOneJob else { return [worker] }
        let directory = try watchedDirectory()
        var services = probes(of: health, directory)
        if let directory { services.append(directory) }
        services.append(ClosingService { await handler.shutdown() })
        services.append(PartCleaningService(store: store, directory: downloads.directory, logger: logger))
        services += environment
        services.append(GatedService(gate: gate, service: worker))
        return services
    }

    /// Keeps the settings of the queue `downloads` that this worker was given.
    ///
    /// A server's environment counts more: it sets all of them, a worker only those that it was explicitly given.
    private var environment: [any Service] {
        guard store.environment(of: .downloads) == nil else { return [] }
        var change = QueueSettingsChange()
        if !settings.isFallback(Settings.downloadMaxConcurrent.key) {
            change.limit = settings.download.maxConcurrentDownloads
        }
        if !settings.isFallback(Settings.downloadLease.key) { change.lease = settings.download.lease }
        guard change != QueueSettingsChange() else { return [] }
        return [SettingsLoop(store: store, settings: [.downloads: change], logger: logger)]
    }

    /// The directory of a worker that serves downloads; throws when no file can be made there.
    private func watchedDirectory() throws -> DirectoryMonitor? {
        guard settings.worker.queues.contains(where: { $0.queue == "\(QueueName.downloads)" }) else { return nil }
        let path = try downloads.directory
        if let refusal = DirectoryMonitor.refusal(of: path) { throw refusal }
        return DirectoryMonitor(path: path, logger: logger)
    }

    /// The probe server of a worker, if it has a port; listed first, so that it answers until the end.
    private func probes(of health: WorkerHealth, _ directory: DirectoryMonitor?) -> [any Service] {
        guard let port = settings.worker.httpPort else { return [] }
        let claims = ReadinessCheck(name: "claims") {
            switch health.obstacle {
            case nil: nil
            // Queue names are not public.
            case .claimsFail: "claims fail"
            case let obstacle?: obstacle.description
            }
        }
        let (registry, host) = (registry, settings.worker.httpHost)
        let server = ProbeServer(
            store: store, host: host, port: port, isAlive: { health.isAlive() },
            metrics: { await registry.scrape() }, checks: [claims] + (directory.map { [$0.readiness] } ?? []),
            findings: { [gate] in gate.checks.map(\.finding) }, logger: logger)
        return [ListeningService(server: server, address: "\(host):\(port)")]
    }

    private func server(
        _ certificate: ServerCertificate?, _ tokens: TokenSource?,
        _ findings: @escaping @Sendable () -> [ReadinessFinding],
        _ onRunning: @escaping @Sendable (Int) async -> Void
    ) throws -> any Service {
        var server = ServerSettings()
        server.version = Version.current
        server.host = settings.http.host
        server.port = settings.http.port
        server.socketPath = settings.http.socket
        server.socketMode = settings.http.socketMode
        server.requestQuota = settings.http.rateLimit > 0 ? settings.http.rateLimit : nil
        server.requestWindow = .seconds(settings.http.rateLimitSeconds)
        server.corsOrigins = settings.http.corsOrigins
        server.compressesAnswers = settings.http.gzip
        server.pathPrefix = settings.http.pathPrefix ?? ""
        server.probeHost = settings.http.probeHost
        server.probePort = settings.http.probePort
        server.maxConnections = settings.http.maxConnections
        server.maxConnectionsPerAddress = settings.http.maxConnectionsPerAddress
        server.auditEntries = settings.http.auditEntries
        server.redaction = settings.http.redaction
        server.defaultConcurrency = settings.download.maxConcurrentDownloads
        server.defaultMaxRetries = settings.download.defaultMaxRetries
        let registry = registry
        let rules = try rules
        do throws(ServerConfigurationError) {
            return ListeningService(
                server: try MartletServer(
                    store: store, settings: server, certificate: certificate, tokens: tokens,
                    downloads: DownloadCatalog(rules),
                    metrics: { await registry.scrape() },
                    findings: findings, logger: logger, onRunning: onRunning),
                address: addresses)
        } catch {
            throw CommandFailure(.configuration, error.description)
        }
    }

    /// The validation of downloads, and the template of tracks.
    private var rules: DownloadRequestRules {
        get throws(CommandFailure) {
            let isOpen = settings.download.allowPrivateAddresses
            do throws(DownloadRuleError) {
                let template = settings.download.sourceURL
                let tracks = try template.map { url throws(DownloadRuleError) in
                    try TrackTemplate(url, allowPrivateAddresses: isOpen)
                }
                return DownloadRequestRules(allowPrivateAddresses: isOpen, tracks: tracks)
            } catch {
                throw CommandFailure(.configuration, "DOWNLOAD__SOURCE_URL \(error.message)")
            }
        }
    }

    /// The listening addresses for display.
    private var addresses: String {
        let http = settings.http
        let probes = http.probePort.map { " and \(http.probeHost):\($0)" } ?? ""
        return (http.socket ?? "\(http.host):\(http.port)") + probes
    }

    private var downloads: DownloadConfiguration {
        get throws {
            var path = settings.download.directory
            if !path.hasPrefix("/") { path = "\(FileManager.default.currentDirectoryPath)/\(path)" }
            var configuration = DownloadConfiguration(directory: path)
            configuration.maxBytes = Int64(settings.download.maxBytes)
            let speed = settings.download.bytesPerSecond
            configuration.globalBytesPerSecond = speed > 0 ? Int64(speed) : nil
            configuration.allowPrivateAddresses = settings.download.allowPrivateAddresses
            configuration.tracks = try rules.tracks
            configuration.userAgent = "martlet/\(Version.current)"
            let bytes = Counter(label: "martlet_download_bytes_total")
            configuration.bytesReceived = { bytes.increment(by: $0) }
            configuration.minBytesPerSecond = Int64(settings.download.minBytesPerSecond)
            configuration.minSpeedWindow = settings.download.minSpeedWindow
            configuration.deadlineBytesPerSecond = Int64(settings.download.deadlineBytesPerSecond)
            configuration.maxPerHost = settings.download.maxPerHost
            let look = DownloadSnapshotReader(store.queue(.downloads), try rules)
            configuration.snapshot = { await look.take() }
            let gaveWay = Counter(label: "martlet_download_gave_way_total")
            configuration.gaveWay = { gaveWay.increment() }
            return configuration
        }
    }
}

/// Closes something after all later services have stopped.
struct ClosingService: Service {
    let close: @Sendable () async -> Void

    init(_ close: @escaping @Sendable () async -> Void) { self.close = close }

    func run() async throws {
        try? await gracefulShutdown()
        // Not a child of a task that may be cancelled: closing must finish.
        await Task { await close() }.value
    }
}

/// A server with a clear message when its address is in use.
struct ListeningService: Service {
    let server: any Service
    let address: String

    func run() async throws {
        do { try await server.run() } catch let error as SocketFileError {
            throw CommandFailure(.unavailable, error.description)
        } catch let error where Self.isAboutListening(error) {
            throw CommandFailure(.unavailable, "cannot listen on \(address): \(SystemReason.text(error))")
        }
    }

    private static func isAboutListening(_ error: any Error) -> Bool {
        error is IOError || error is SocketAddressError || error is SocketAddressError.UnknownHost
    }
}
