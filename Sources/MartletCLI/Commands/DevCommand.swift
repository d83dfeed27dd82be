// `martlet dev`: a private Redis, a server and a worker in one process.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import MartletProcess
import MartletQueue
import MartletRedis
import MartletWorker
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run a private Redis, a server and a worker in one command.")

    @Option(help: "Directory for Redis' data and the downloads; a temporary one if omitted.")
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
        if settings.isFallback(Settings.workerQueues.key) { settings.worker.queues.append(DevJobs.queue) }
        // The process of an isolated job has neither a private Redis nor a server.
        if Worker.runsOneJob { return try await Self.runOneJob(settings) }
        try settings.checkServer()
        let house = try DevEnvironment(data)
        do {
            try await house.run(&settings, untilEOF: life.untilEOF)
            house.remove()
        } catch {
            house.remove()
            throw error
        }
    }

    private static func runOneJob(_ settings: ServiceSettings) async throws {
        let telemetry = Telemetry.start(settings)
        let composition = try Composition(settings, telemetry)
        try await Launch.run(try composition.working(DevJobs.handlers), logger: telemetry.logger)
    }
}

/// The directory of a private installation, used by one process at a time.
struct DevEnvironment {
    let path: String
    private let isTemporary: Bool
    private let lock: DirectoryLock

    /// Uses `directory`, or creates a temporary one; throws when another process uses it.
    init(_ directory: String?) throws {
        isTemporary = directory == nil
        path = directory ?? "/tmp/martlet-dev-\(UUID().uuidString.prefix(8).lowercased())"
        do { try PrivateDirectory.make(path) } catch {
            throw CommandFailure(.usage, "--data \(path): \(SystemReason.text(error))")
        }
        lock = try DirectoryLock(path)
        // Redis' files contain all payloads, and the directory around them may be readable for others.
        try PrivateDirectory.make(path + "/redis", tightens: true)
    }

    /// Runs all services until a signal.
    func run(_ settings: inout ServiceSettings, untilEOF: Bool) async throws {
        let redis = try await PrivateRedisServer.start(directory: path + "/redis", options: PrivateRedis.options)
        settings.redis.url = redis.url
        if settings.isFallback(Settings.downloadDirectory.key) {
            settings.download.directory = path + "/downloads"
            // The processes of isolated jobs inherit this environment.
            setenv(Settings.downloadDirectory.key.environment[0], settings.download.directory, 1)
        }
        do {
            let telemetry = Telemetry.start(settings)
            let composition = try Composition(settings, telemetry)
            let (http, directory, queues) = (
                settings.http, settings.download.directory, settings.worker.queues.map(\.queue)
            )
            let serving = try composition.serving { port in
                Self.welcome(http, port: port, redis: redis.url, downloads: directory, queues: queues)
            }
            let working = try composition.working(DevJobs.handlers)
            try await Launch.run(
                [ClosingService { await redis.stop() }, composition.store] + working + serving.services,
                logger: telemetry.logger, reload: serving.reload, untilEOF: untilEOF,
                farewell: farewell(settings, composition.store, redis))
            Console.standard.note(isTemporary ? "Stopped." : "Stopped. Everything is kept in \(path).")
        } catch {
            await redis.stop()
            throw error
        }
    }

    /// The notice at shutdown with the number of running jobs; all of them run in this process.
    private func farewell(_ settings: ServiceSettings, _ store: JobStore, _ redis: PrivateRedisServer) -> ShutdownNotice
    {
        let (queues, grace) = (settings.worker.queues.map(\.queue), settings.worker.shutdownGrace)
        return ShutdownNotice {
            let names = queues.compactMap { QueueName($0) }
            return "Stopping. " + ShutdownNotice.jobs(await Self.running(names, store), within: grace)
        } cleanUp: {
            redis.kill()
            remove()
        }
    }

    /// The number of running jobs; `nil` when Redis does not answer.
    private static func running(_ queues: [QueueName], _ store: JobStore) async -> Int? {
        var count = 0
        for name in queues {
            do throws(QueueError) { count += try await store.queue(name).status()?.jobs[.active] ?? 0 } catch {
                return nil
            }
        }
        return count
    }

    /// Removes the directory if it is temporary.
    func remove() {
        if isTemporary { try? FileManager.default.removeItem(atPath: path) }
    }

    /// The server's URL for clients on this machine, as `--server` takes it.
    static func base(_ http: HTTPSettings, port: Int) -> String {
        if let socket = http.socket { return "unix://\(socket)" }
        let (scheme, host) = (http.certificateFiles == nil ? "http" : "https", http.host)
        return
            "\(scheme)://\(host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host):\(port)\(http.pathPrefix ?? "")"
    }

    private static func welcome(
        _ http: HTTPSettings, port: Int, redis: String, downloads: String, queues: [String]
    ) {
        let base = base(http, port: port)
        let server = base.hasPrefix("http://") && port == 8080 && http.pathPrefix == nil ? "" : " --server \(base)"
        guard http.socket == nil else {
            return Console.standard.out(
                """
                server     \(base)
                Redis      \(redis)
                files      \(downloads)
                \(examples(of: queues, server))
                Stop:      Ctrl-C
                """)
        }
        Console.standard.out(
            """
            dashboard  \(base)/ui/
            API        \(base)/api/v1
            downloads  \(base)/api/downloads
            metrics    \(base)/metrics
            Redis      \(redis)
            files      \(downloads)
            \(examples(of: queues, server))
            Stop:      Ctrl-C
            """)
    }

    /// Commands to try: only for queues that this worker serves, as they wait for their jobs.
    static func examples(of queues: [String], _ server: String = "") -> String {
        let all = [
            ("downloads", "martlet download add https://www.rfc-editor.org/rfc/rfc9110.txt"),
            (DevJobs.queue.queue, "martlet enqueue echo -d '{\"who\": \"Ada\"}'"),
        ]
        let commands = all.filter { queues.contains($0.0) }.map { "\($0.1) --wait\(server)" }
        return commands.isEmpty ? "" : "\nTry:       " + commands.joined(separator: "\n           ")
    }
}
