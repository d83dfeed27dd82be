// `martlet dev`: a private Redis, a server and a worker in one process.

import ArgumentParser
import FoundationEssentials
import MartletRedis
import ServiceLifecycle

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run a private Redis, a server and a worker in one command.")

    @Option(help: "Directory that keeps Redis' data and the downloads; a temporary one without it.")
    var data: String?
    @OptionGroup var http: HTTPFlags
    @OptionGroup var worker: WorkerFlags
    @OptionGroup var download: DownloadFlags
    @OptionGroup var log: LogFlags
    @OptionGroup var config: ConfigFlags
    @OptionGroup var life: LifeOptions

    func run() async throws {
        var settings = try ServiceSettings.load(
            [http, worker, download, log], config: config, environment: ProcessInfo.processInfo.environment)
        try settings.checkExposure()
        let house = try DevHouse(data)
        do {
            try await house.run(&settings, untilEOF: life.untilEOF)
            house.remove()
        } catch {
            house.remove()
            throw error
        }
    }
}

/// The directory of a private installation.
struct DevHouse {
    let path: String
    private let isTemporary: Bool

    /// Uses `directory`, or makes a temporary one.
    init(_ directory: String?) throws {
        isTemporary = directory == nil
        path = directory ?? "/tmp/martlet-dev-\(UUID().uuidString.prefix(8).lowercased())"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Runs everything until a signal.
    func run(_ settings: inout ServiceSettings, untilEOF: Bool) async throws {
        let redis = try await PrivateRedisServer.start(directory: path + "/redis", options: PrivateRedis.options)
        settings.redis.url = redis.url
        let isDefault = settings.origins.contains { $0.key == Settings.downloadDirectory.key && $0.kind == .fallback }
        if isDefault { settings.download.directory = path + "/downloads" }
        do {
            let telemetry = Telemetry.start(settings)
            let composition = try Composition(settings, telemetry)
            let (host, directory) = (settings.http.host, settings.download.directory)
            let serving = try composition.serving { port in
                Self.welcome(host: host, port: port, redis: redis.url, downloads: directory)
            }
            try await Launch.run(
                [ClosingService { await redis.stop() }, composition.store] + composition.working() + serving,
                logger: telemetry.logger, untilEOF: untilEOF)
        } catch {
            await redis.stop()
            throw error
        }
    }

    /// Removes the directory if it is ours.
    func remove() {
        if isTemporary { try? FileManager.default.removeItem(atPath: path) }
    }

    private static func welcome(host: String, port: Int, redis: String, downloads: String) {
        let base = "http://\(host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host):\(port)"
        let server = port == 8080 ? "" : " --server \(base)"
        Console.standard.out(
            """
            API        \(base)/api/v1
            downloads  \(base)/api/downloads
            metrics    \(base)/metrics
            Redis      \(redis)
            files      \(downloads)

            Try:       martlet download add https://www.rfc-editor.org/rfc/rfc9110.txt --wait\(server)
            Stop:      Ctrl-C
            """)
    }
}
