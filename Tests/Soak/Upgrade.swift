// A rolling upgrade: processes of two versions share queues under load while one version replaces the other.

import ArgumentParser
import FaultInjection
import FoundationEssentials
import Logging
import MartletJobs
import MartletQueue
import MartletRedis
import Synchronization

/// The versions that are at work.
enum Version: String, CaseIterable, Sendable {
    case current, later

    var scripts: ScriptTable { self == .later ? .later : .shipped }
}

struct UpgradeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade", abstract: "Replace the workers of one version by those of another, under load.")

    @Option(help: "How long jobs are pushed, in seconds.") var seconds = 60
    @Option(help: "What decides which jobs come.") var seed: UInt64
    @Option(help: "Jobs pushed a second.") var rate = 200
    @Option(help: "Where journals and logs go; kept when the run fails.") var directory: String

    func run() async throws {
        LoggingSystem.bootstrap { _ in SwiftLogNoOpLogHandler() }
        print("Seed \(seed), an upgrade under load for \(seconds) s, journals in \(directory)")
        let report = try await Upgrade.run(seconds: seconds, rate: rate, seed: seed, directory: directory)
        print(report.text)
        if report.failed > 0 { throw ExitCode.failure }
    }
}

/// Redis, a store for each version, and worker processes that come and go.
final class Upgrade: Sendable {
    let redis: PrivateRedisServer
    let directory: String
    let stores: [Version: JobStore]
    let admin: RedisClient
    private let workers = Mutex<[SupervisedProcess]>([])
    /// Whether all workers have come and gone.
    private let isReplaced = Mutex(false)
    private let running: Task<Void, any Error>

    /// Makes a run and judges it.
    static func run(seconds: Int, rate: Int, seed: UInt64, directory: String) async throws -> UpgradeReport {
        let upgrade = try await Upgrade(directory)
        let result: Result<UpgradeReport, any Error>
        do { result = .success(try await upgrade.run(seconds, rate, seed)) } catch { result = .failure(error) }
        await upgrade.close()
        return try result.get()
    }

    private init(_ directory: String) async throws {
        self.directory = directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        redis = try await PrivateRedisServer.start(
            directory: directory + "/redis", options: ["--save", ""], within: .seconds(60))
        var configuration = try RedisConfiguration(url: redis.url)
        configuration.commandTimeout = .seconds(60)
        let quiet = Logger(label: "upgrade") { _ in SwiftLogNoOpLogHandler() }
        let stores = Dictionary(
            uniqueKeysWithValues: Version.allCases.map { version in
                let store = JobStore(redis: configuration, prefix: "martlet", scripts: version.scripts, logger: quiet)
                return (version, store)
            })
        let admin = RedisClient(configuration, logger: quiet)
        (self.stores, self.admin) = (stores, admin)
        running = Task {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for store in stores.values { group.addTask { try await store.run() } }
                group.addTask { try await admin.run() }
                try await group.waitForAll()
            }
        }
        for store in stores.values { try await store.waitUntilConnected(within: .seconds(30)) }
    }

    private func close() async {
        for worker in workers.withLock({ $0 }) { worker.send(.kill) }
        running.cancel()
        _ = await running.result
        await redis.stop()
    }

    private func run(_ seconds: Int, _ rate: Int, _ seed: UInt64) async throws -> UpgradeReport {
        try await applyLaterSetting()
        for _ in 1...2 { try startWorker(.current) }
        let end = monotonic() + seconds * 1000
        // A process may start late, and each is to find jobs.
        let isOver: @Sendable () -> Bool = { self.isReplaced.withLock { $0 } && monotonic() >= end }
        let pushers = Version.allCases.map { version in
            UpgradePusher(version, stores[version], seed: seed, rate: rate / Version.allCases.count)
        }
        async let pushing: Void = withTaskGroup { group in
            for pusher in pushers { group.addTask { await pusher.run(until: isOver) } }
        }
        async let steering: Void = changeSettings(until: isOver)
        var stubborn = try await replaceWorkers(during: seconds)
        isReplaced.withLock { $0 = true }
        await pushing
        try await steering
        let isDrained = try await drain()
        for worker in workers.withLock({ $0 }) { stubborn += await stop(worker) }
        var evidence = Evidence(
            pushes: pushers.reduce(into: Pushes()) { $0.add($1.pushes) }, orders: [], faults: [], isDrained: isDrained)
        let names = workers.withLock { $0.map(\.name) }
        try await evidence.collect(from: store(.current), workers: names, in: directory)
        return UpgradeReport(
            judgement: Judgement(evidence), evidence: evidence, stubborn: stubborn,
            traces: try await UpgradeTraces(of: evidence, names, self))
    }

    func store(_ version: Version) -> JobStore {
        guard let store = stores[version] else { preconditionFailure("there is a store for each version") }
        return store
    }

    // MARK: Workers

    /// Starts a worker of a version; its name begins with the version.
    @discardableResult
    private func startWorker(_ version: Version) throws -> SupervisedProcess {
        let name = workers.withLock { "\(version)-\($0.count)" }
        let queues = Installation.queues.map(\.description).joined(separator: ",")
        let command =
            Program.env + [
                Program.path("MartletSoak"), "work", "--redis", redis.url, "--journal", "\(directory)/\(name).journal",
                "--queues", queues, "--patient",
            ] + (version == .later ? ["--later"] : [])
        let worker = SupervisedProcess(name, directory: directory, command: command)
        try worker.start()
        workers.withLock { $0.append(worker) }
        return worker
    }

    /// Ends a worker as a deployment does; its name when it does not end.
    private func stop(_ worker: SupervisedProcess) async -> [String] {
        worker.send(.terminate)
        return await worker.ends(within: .seconds(90)) ? [] : [worker.name]
    }

    /// Upgrades worker by worker, takes the upgrade back, and leaves both versions at work.
    private func replaceWorkers(during seconds: Int) async throws -> [String] {
        let pause = seconds * 1000 / 7
        var old = workers.withLock { $0 }
        for worker in old { try await untilAtWork(worker) }
        var stubborn: [String] = []
        var new: [SupervisedProcess] = []
        for _ in 1...2 {
            await nap(pause)
            new.append(try startWorker(.later))
            try await untilAtWork(new[new.count - 1])
            await nap(pause)
            stubborn += await stop(old.removeFirst())
        }
        await nap(pause)
        try await untilAtWork(try startWorker(.current))
        await nap(pause)
        return stubborn + (await stop(new.removeFirst()))
    }

    /// Waits until a worker has completed jobs of both versions.
    private func untilAtWork(_ worker: SupervisedProcess) async throws {
        let end = ContinuousClock.now + .seconds(120)
        while completed(by: worker).count < Version.allCases.count {
            guard ContinuousClock.now < end else { throw SoakFailure("\(worker.name) does not work") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// The versions that pushed what a worker has completed, from its journal.
    private func completed(by worker: SupervisedProcess) -> Set<Version> {
        var open: [String: Version] = [:]
        var found: Set<Version> = []
        for words in LineLog.read("\(directory)/\(worker.name).journal") where words.count == 6 {
            if words[0] == "start", let number = Int(words[5]) {
                open["\(words[1]) \(words[2])"] = UpgradePusher.version(ofPush: number)
            } else if words[5] == "returned", let version = open["\(words[1]) \(words[2])"] {
                found.insert(version)
            }
        }
        return found
    }

    // MARK: Settings

    /// Gives the setting that only the later version knows its value.
    private func applyLaterSetting() async throws {
        for name in Installation.queues {
            try await store(.later).queue(name).create()
            _ = try await admin.send(.command("HSET", "martlet:{\(name)}:meta", "later", "\(UpgradeTraces.setting)"))
            let kept = Retention(age: .seconds(86_400), count: 1_000_000)
            // No lease ends: each job that runs twice without a reason is a breach.
            try await store(.later).queue(name).configure(
                QueueSettingsChange(lease: .seconds(600), completed: kept, failed: kept, cancelled: kept))
        }
    }

    /// Both versions change settings and pause and resume, in turn.
    private func changeSettings(until isOver: @Sendable () -> Bool) async throws {
        var round = 0
        while !isOver() {
            try Task.checkCancellation()
            let version: Version = round.isMultiple(of: 2) ? .current : .later
            for name in Installation.queues {
                let queue = store(version).queue(name)
                try await queue.configure(QueueSettingsChange(limit: 10 + round % 3))
                try await queue.pause(reason: "upgrade", by: version.rawValue)
                await nap(20)
                try await queue.resume()
            }
            round += 1
            await nap(200)
        }
    }

    private func drain() async throws -> Bool {
        let end = monotonic() + 240_000
        while monotonic() < end {
            var open = 0
            for name in Installation.queues {
                let jobs = try await store(.current).queue(name).status()?.jobs ?? [:]
                open += jobs.reduce(0) { $0 + ($1.key.isFinal ? 0 : $1.value) }
            }
            if open == 0 { return true }
            await nap(50)
        }
        return false
    }
}
