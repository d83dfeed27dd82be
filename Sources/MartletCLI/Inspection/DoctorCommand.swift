// `martlet doctor`: whether Redis and the configuration are fit, and where every setting came from.

import ArgumentParser
import FoundationEssentials
import MartletChecks

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check Redis (version, policy, durability, clock, latency), the queues and the settings.",
        discussion: "The exit code is 1 when something must be changed, 69 when Redis is away.")

    @Flag(
        help: "Accept the losses of Redis that the server of this state directory has noticed; they are told no more.")
    var acceptLosses = false
    @OptionGroup var redis: RedisFlags
    @OptionGroup var http: HTTPFlags
    @OptionGroup var worker: WorkerFlags
    @OptionGroup var download: DownloadFlags
    @OptionGroup var log: LogFlags
    @OptionGroup var config: ConfigFlags
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try ServiceSettings.load(
            [redis, http, worker, download, log], config: config,
            environment: ProcessInfo.processInfo.environment)
        var checks = try await StoreSession.withStore(settings.redis) { store in
            let checks = try await RedisCheckup(try settings.redis.checked).run()
            // Neither who is denied scripts nor a cluster's node answers for queues.
            let isClosed = checks.contains {
                [PermissionCheckup.name, RedisCheckup.modeName].contains($0.name) && $0.result == .bad
            }
            return isClosed ? checks : checks + (try await QueueCheckup(store: store).run())
        }
        if acceptLosses {
            try LossCheckup.accept(directory: settings.http.stateDirectory, prefix: settings.redis.prefix)
        }
        checks += LossCheckup.run(
            directory: settings.http.stateDirectory, prefix: settings.redis.prefix, isAccepted: acceptLosses)
        checks.append(DirectoryCheckup.check(settings.download.directory))
        checks += settings.warnings.map { Checkup("setting", .warning, "", $0) }
        show(checks, settings)
        let bad = checks.count { $0.result == .bad }
        guard bad == 0 else { throw CommandFailure(.failed, "\(bad) of \(checks.count) checks failed") }
    }

    private func show(_ checks: [Checkup], _ settings: ServiceSettings) {
        switch output.format {
        case .table:
            let view = ItemView(
                .text("CHECK", "check"), .text("RESULT", "result"), .text("VALUE", "value"), .text("ADVICE", "advice"))
            output.show(checks.map(\.json), as: view)
            Console.standard.out("")
            Console.standard.raw(SettingTable.text(settings.origins))
        case .json:
            let all: JSON = .object([
                "checks": .array(checks.map(\.json)), "settings": .array(settings.origins.map(Self.json)),
            ])
            output.show(all)
        case .jsonl: output.show(checks.map(\.json) + settings.origins.map(Self.json), as: ItemView())
        }
    }

    private static func json(_ origin: SettingOrigin) -> JSON {
        .object([
            "setting": .string(origin.key.name), "value": .string(SettingTable.shown(origin)),
            "source": .string(SettingTable.source(origin)),
        ])
    }
}

/// Checks of the directory for downloads.
enum DirectoryCheckup {
    /// Whether files can be made there.
    static func check(_ path: String) -> Checkup {
        let files = FileManager.default
        if !files.fileExists(atPath: path) {
            return Checkup("download directory", .good, "\(path) (made when it is needed)")
        }
        let isFit = files.isWritableFile(atPath: path)
        return Checkup(
            "download directory", isFit ? .good : .bad, path, "give this user the right to write there")
    }
}
