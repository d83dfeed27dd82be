// The soak test: runs a whole installation under load and faults, then repairs, drains and checks it.

import ArgumentParser
import FoundationEssentials
import Logging
import MartletQueue
import NIOHTTP1

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@main
struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-soak", abstract: "Run Martlet under faults and check the result.",
        subcommands: [RunCommand.self, UpgradeCommand.self, WorkCommand.self, WorkOverHTTPCommand.self],
        defaultSubcommand: RunCommand.self)
}

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run once.")

    @Option(help: "How long faults are injected, in minutes.") var minutes = 1.0
    @Option(help: "The seed of faults and jobs.") var seed: UInt64
    @Option(help: "Jobs pushed a second.") var rate = 30
    @Option(help: "Where journals and logs go; kept when the run fails.") var directory: String
    @Option(help: "A small separate volume for the files of Redis; it is filled during the run.") var smallVolume:
        String?
    @Option(help: "The redis.conf to start with.") var redisConfiguration: String

    func run() async throws {
        var failure: ExitCode?
        do { failure = try await once() } catch {
            print("The run could not be judged: \(error)\n0 passed, 1 failed")
            failure = .failure
        }
        if let failure { throw failure }
    }

    private func once() async throws -> ExitCode? {
        LoggingSystem.bootstrap { _ in SwiftLogNoOpLogHandler() }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        print("Seed \(seed), \(minutes) min of faults, journals in \(directory)")
        let chronicle = try FaultLog(directory + "/faults.journal")
        let installation = try await Installation(
            directory: directory, volume: smallVolume ?? directory, configuration: redisConfiguration, chronicle)
        let result: Result<ExitCode?, any Error>
        do { result = .success(try await soak(installation, chronicle)) } catch { result = .failure(error) }
        await installation.close()
        return try result.get()
    }

    private func soak(_ installation: Installation, _ chronicle: FaultLog) async throws -> ExitCode? {
        let web = Web()
        let producers = try Producers(installation, web, seed: seed)
        let operators = try Operators(installation, producers, web, seed: seed &+ 1)
        let nemesis = Nemesis(installation, chronicle, smallVolume: smallVolume)
        guard await installation.holds(within: 90, { await Self.allAnswer(installation, web) }) else {
            throw SoakFailure("the servers did not start")
        }
        let start = monotonic()
        let end = start + Int(minutes * 60_000)
        async let pushing: Void = producers.run(rate: rate, until: end, giveUpAt: end + 120_000)
        async let steering: Void = operators.run(until: end)
        let harm: Result<Void, any Error>
        do { harm = .success(try await nemesis.run(seed: seed, until: end)) } catch { harm = .failure(error) }
        await steering
        try harm.get()
        try await nemesis.heal()
        await pushing
        let isDrained = await Self.drain(installation)
        let drained = monotonic()
        let stubborn = await installation.stopMembers()
        await web.close()
        var evidence = Evidence(
            pushes: producers.pushes, orders: operators.orders, faults: chronicle.all, isDrained: isDrained)
        try await evidence.collect(
            from: installation.store, workers: installation.allWorkers.map(\.name), in: installation.directory)
        let report = Report(
            evidence: evidence, judgement: Judgement(evidence), classes: nemesis.classes, stubborn: stubborn,
            diskFull: smallVolume != nil, seconds: (drained - start) / 1000)
        print(report.text)
        return report.exitCode
    }

    private static func allAnswer(_ installation: Installation, _ web: Web) async -> Bool {
        for server in installation.servers {
            guard case .status(200, _) = await web.send(.GET, server.url + "/livez") else { return false }
        }
        return true
    }

    /// Resumes paused jobs and waits until all have finished.
    private static func drain(_ installation: Installation) async -> Bool {
        await installation.holds(within: 90) {
            var open = 0
            for name in Installation.queues {
                let queue = installation.store.queue(name)
                let paused = try await queue.list(states: [.paused], limit: 500).jobs
                if !paused.isEmpty { _ = try await queue.control(.resume, paused.map(\.id)) }
                let jobs = try await queue.status()?.jobs ?? [:]
                open += jobs.reduce(0) { $0 + ($1.key.isFinal ? 0 : $1.value) }
            }
            return open == 0
        }
    }
}
