// `martlet doctor`: checks Redis and the configuration, and shows the source of every setting.

import ArgumentParser
import FoundationEssentials
import MartletChecks
import MartletCommandSupport
import MartletJSON
import MartletMaintenance

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check Redis (version, policy, durability, clock, latency), the queues and the settings.",
        discussion: """
            The exit code is 1 when something must be changed, 4 when Redis refuses the user or the password, 69 when \
            it cannot be reached. The settings are shown in any case.
            """)

    @Flag(
        help: """
            Accept the losses of Redis that the server of this state directory has noticed; they are not reported again.
            """)
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
        var (checks, failure) = try await redisChecks(settings)
        if acceptLosses {
            try accept(settings.http.stateDirectory, prefix: settings.redis.prefix)
        }
        checks += LossCheckup.run(
            directory: settings.http.stateDirectory, prefix: settings.redis.prefix, isAccepted: acceptLosses)
        checks.append(.downloadDirectory(settings.download.directory))
        if let files = settings.http.certificateFiles { checks.append(.certificate(files)) }
        checks += settings.serverProblems.map { Checkup("setting", .bad, $0.variable, "\($0)") }
        checks += settings.warnings.map { Checkup("setting", .warning, "", $0) }
        show(checks, settings)
        if let failure { throw failure }
        let bad = checks.count { $0.result == .bad }
        guard bad == 0 else { throw CommandFailure(.failed, "\(bad) of \(checks.count) checks failed") }
    }

    /// Accepts what the server of a state directory has noticed until now.
    private func accept(_ directory: String?, prefix: String) throws {
        guard let directory else {
            throw CommandFailure(.usage, "--accept-losses needs the server's STATE_DIRECTORY or --state-directory")
        }
        do { try LossCheckup.accept(directory: directory, prefix: prefix) } catch {
            throw CommandFailure(.failed, "nothing was accepted: \(error)")
        }
    }

    /// The findings about Redis and the queues; with the failure when Redis is unavailable.
    private func redisChecks(_ settings: ServiceSettings) async throws -> ([Checkup], CommandFailure?) {
        do {
            let checks = try await StoreSession.withStore(settings.redis) { store in
                let checks = try await RedisCheckup(try settings.redis.checked).run()
                // Without permission for scripts, or on a cluster node, the queues cannot be read.
                let isClosed = checks.contains {
                    [PermissionCheckup.name, RedisCheckup.modeName].contains($0.name) && $0.result == .bad
                }
                return isClosed ? checks : checks + (try await QueueCheckup(store: store).run())
            }
            return (checks, nil)
        } catch {
            let failure = CommandFailure(error)
            let advice = failure.code == .authentication ? "correct REDIS_URL" : "start Redis or correct REDIS_URL"
            return ([Checkup("redis", .bad, failure.message, advice)], failure)
        }
    }

    private func show(_ checks: [Checkup], _ settings: ServiceSettings) {
        switch output.format {
        case .table:
            let console = Console.standard
            let view = ItemView(
                .text("CHECK", "check"), .text("RESULT", "result"), .text("VALUE", "value").shortened(to: 20))
            output.show(checks.map(\.json), as: view, console: console)
            let advised = checks.filter { !$0.advice.isEmpty }
            if !advised.isEmpty { console.out("\nWhat to do:") }
            let rows = advised.map { (name: $0.name, value: $0.advice) }
            for line in FieldList(rows: rows).lines(width: console.width) { console.out(line) }
            console.out("")
            console.text(SettingTable.text(settings.origins, width: console.width))
        case .json:
            let all: JSONValue = .object([
                "checks": .array(checks.map(\.json)), "settings": .array(settings.origins.map(Self.json)),
            ])
            output.show(all)
        case .jsonl: output.show(checks.map(\.json) + settings.origins.map(Self.json), as: ItemView())
        }
    }

    private static func json(_ origin: SettingOrigin) -> JSONValue {
        .object([
            "setting": .string(origin.key.name), "value": .string(SettingTable.shown(origin)),
            "source": .string(SettingTable.source(origin)),
        ])
    }
}
