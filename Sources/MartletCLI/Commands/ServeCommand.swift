// `martlet serve` and `martlet work`: the two processes of a deployment.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import ServiceLifecycle

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the HTTP server.",
        discussion: """
            It also sweeps all queues and applies the environment's limits to the queue "downloads". It runs no jobs: \
            start workers with "martlet work".
            """)

    @OptionGroup var redis: RedisFlags
    @OptionGroup var http: HTTPFlags
    @OptionGroup var download: DownloadFlags
    @OptionGroup var log: LogFlags
    @OptionGroup var config: ConfigFlags
    @OptionGroup var life: LifeOptions

    func run() async throws {
        let settings = try ServiceSettings.load(
            [redis, http, download, log], config: config, environment: ProcessInfo.processInfo.environment)
        let telemetry = Telemetry.start(settings)
        // API callers should learn soon that Redis is unavailable; a worker has no callers.
        let composition = try Composition(settings, telemetry, offlineTimeout: .milliseconds(300))
        let serving = try composition.serving()
        try await Launch.run(
            [composition.store] + serving.services, logger: telemetry.logger, reload: serving.reload,
            untilEOF: life.untilEOF)
    }
}

struct WorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Run a worker process.",
        discussion: """
            It runs the built-in job "download". The first SIGTERM lets running jobs finish within the grace period \
            and gives the rest back, the second ends it at once.
            """)

    @OptionGroup var redis: RedisFlags
    @OptionGroup var worker: WorkerFlags
    @OptionGroup var download: DownloadFlags
    @OptionGroup var log: LogFlags
    @OptionGroup var config: ConfigFlags
    @OptionGroup var life: LifeOptions

    func run() async throws {
        let settings = try ServiceSettings.load(
            [redis, worker, download, log], config: config, environment: ProcessInfo.processInfo.environment)
        let telemetry = Telemetry.start(settings)
        let composition = try Composition(settings, telemetry)
        try await Launch.run(
            [composition.store] + (try composition.working()), logger: telemetry.logger, untilEOF: life.untilEOF,
            farewell: .worker(settings))
    }
}

/// When a process ends, besides signals.
struct LifeOptions: ParsableArguments {
    @Flag(
        name: .customLong("until-eof"),
        help: ArgumentHelp("Shut down when standard input ends.", visibility: .hidden))
    var untilEOF = false
}
