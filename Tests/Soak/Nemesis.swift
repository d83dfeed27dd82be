// Injects faults by seed, each class once before any repeats, and checks that each took effect.

import FaultInjection
import FoundationEssentials
import MartletQueue
import MartletRedis

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Injects faults in two concurrent sequences: one for processes and Redis, one for connections.
final class Nemesis: Sendable {
    /// Classes of faults of processes or Redis.
    static let crude = [
        "kill-worker", "kill-server", "stop-worker", "stop-server", "term-worker", "kill-redis", "restart-redis",
        "sleep-redis", "memory-full", "disk-full", "script-flush",
    ]
    /// Classes of faults of connections.
    static let fine = FaultKind.allCases.map(\.rawValue) + ["partition"]

    private let installation: Installation
    private let chronicle: FaultLog
    /// The volume that can be filled; `nil` if there is none.
    private let smallVolume: String?

    init(_ installation: Installation, _ chronicle: FaultLog, smallVolume: String?) {
        self.installation = installation
        self.chronicle = chronicle
        self.smallVolume = smallVolume
    }

    /// The classes that a complete run has injected.
    var classes: [String] { Self.crude.filter { $0 != "disk-full" || smallVolume != nil } + Self.fine }

    /// Injects faults until `end`.
    func run(seed: UInt64, until end: Int) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            let crude = Self.crude.filter { $0 != "disk-full" || smallVolume != nil }
            group.addTask { try await self.lane(crude, SeededRandom(seed), until: end) }
            group.addTask { try await self.lane(Self.fine, SeededRandom(~seed), until: end) }
        }
    }

    private func lane(_ classes: [String], _ seeded: SeededRandom, until end: Int) async throws {
        var random = seeded
        var deck: [String] = []
        while let classes = due(classes, until: end) {
            if deck.isEmpty { deck = classes.shuffled(using: &random) }
            guard let kind = deck.popLast() else { return }
            guard classes.contains(kind) else { continue }
            let choice = Int.random(in: 0..<1000, using: &random)
            do { try await strike(kind, choice) } catch { throw SoakFailure("after \(kind): \(error)") }
            await nap(Int.random(in: 200...700, using: &random))
        }
    }

    /// The classes that may come now; `nil` when the run is over.
    ///
    /// On a slow machine the time may be too short for all of them; then those that have not happened get half a minute.
    private func due(_ classes: [String], until end: Int) -> [String]? {
        let now = monotonic()
        if now < end { return classes }
        let counts = chronicle.counts
        let missing = classes.filter { counts[$0] == nil }
        return missing.isEmpty || now > end + 30_000 ? nil : missing
    }

    private func strike(_ kind: String, _ choice: Int) async throws {
        let worker = installation.allWorkers[choice % installation.allWorkers.count]
        let server = installation.servers[choice % installation.servers.count]
        switch kind {
        case "kill-worker": try await kill(worker, kind, rest: choice % 800)
        case "kill-server": try await kill(server, kind, rest: choice % 800)
        case "stop-worker": await stop(worker, kind)
        case "stop-server": await stop(server, kind)
        case "term-worker": try await end(worker, kind)
        case "partition": await cut(installation.linked[choice % installation.linked.count])
        default:
            if let fault = FaultKind(rawValue: kind) { return await disturb(fault, choice) }
            try await strikeRedis(kind, choice)
        }
    }
}

// MARK: - Processes

extension Nemesis {
    private func kill(_ member: SupervisedProcess, _ kind: String, rest: Int) async throws {
        let start = monotonic()
        member.send(.kill)
        guard await member.ends(within: .seconds(60)) else { return }
        await nap(rest)
        try member.start()
        chronicle.note(kind, member.name, from: start)
    }

    /// Freezes a process for longer than a lease.
    private func stop(_ member: SupervisedProcess, _ kind: String) async {
        let start = monotonic()
        member.send(.stop)
        await nap(Installation.lease * 17 / 10)
        member.send(.proceed)
        chronicle.note(kind, member.name, from: start)
    }

    private func end(_ member: SupervisedProcess, _ kind: String) async throws {
        let start = monotonic()
        member.send(.terminate)
        if await !member.ends(within: .seconds(10)) { member.send(.kill) }
        guard await member.ends(within: .seconds(60)) else { return }
        try member.start()
        chronicle.note(kind, member.name, from: start)
    }
}

// MARK: - Connections

extension Nemesis {
    private func cut(_ member: SupervisedProcess) async {
        let start = monotonic()
        member.proxy?.freeze()
        await nap(Installation.lease * 13 / 10)
        member.proxy?.thaw()
        chronicle.note("partition", member.name, from: start)
    }

    /// Gives some connections faults of a class until one has happened; the proxies record each.
    private func disturb(_ fault: FaultKind, _ choice: Int) async {
        let count = installation.linked.count
        let hit = (0...choice % 3).map { installation.linked[(choice / 3 + $0) % count] }
        let before = hit.reduce(0) { $0 + ($1.proxy?.counts[fault] ?? 0) }
        for (number, member) in hit.enumerated() {
            let seed = UInt64(choice * 16 + number)
            member.proxy?.roll(
                FaultDice([fault], rate: fault.keepsReplies ? 0.3 : 0.1, longestDelay: .seconds(2), seed: seed))
        }
        await nap(1200)
        _ = await installation.holds(within: 4) { hit.reduce(0) { $0 + ($1.proxy?.counts[fault] ?? 0) } > before }
        for member in hit { member.proxy?.heal() }
    }
}

// MARK: - Redis

extension Nemesis {
    private func strikeRedis(_ kind: String, _ choice: Int) async throws {
        let start = monotonic()
        switch kind {
        case "kill-redis":
            installation.redis.kill()
            await nap(choice % 500)
            try await installation.redis.restart()
        case "restart-redis":
            await installation.redis.stop()
            await nap(choice % 500)
            try await installation.redis.restart()
        case "sleep-redis": try await installation.command("DEBUG", "SLEEP", "2")
        case "script-flush":
            guard try await installation.command("SCRIPT", "FLUSH").string == "OK" else { return }
        case "memory-full": guard try await fillMemory() else { return }
        case "disk-full": guard try await fillDisk() else { return }
        default: return
        }
        chronicle.note(kind, "redis", from: start)
    }

    private func fillMemory() async throws -> Bool {
        try await installation.command("CONFIG", "SET", "maxmemory", "1")
        var isFull = false
        do { try await installation.command("SET", "soak-probe", "x") } catch let error as RedisError {
            isFull = error.code == .outOfMemory
        }
        await nap(1500)
        try await installation.command("CONFIG", "SET", "maxmemory", "0")
        return isFull
    }

    /// Fills the volume until Redis has failed to write its file, then frees it and waits until Redis has recovered.
    ///
    /// No other class kills Redis meanwhile: the write in flight when a disk fills is not yet durable.
    private func fillDisk() async throws -> Bool {
        guard let smallVolume else { return false }
        let path = "\(smallVolume)/fill"
        let installation = installation
        @Sendable func lastWrite() async throws -> String {
            try await installation.store.serverInformation()["aof_last_write_status"] ?? ""
        }
        var bytes = Data(repeating: 1, count: 1 << 20)
        let isFull = await installation.holds(within: 6) {
            while Self.append(bytes, to: path) {}
            if bytes.count > 1 { bytes = Data(bytes.prefix(bytes.count / 64 + 1)) }
            return try await lastWrite() == "err"
        }
        if isFull { await nap(1000) }
        try? FileManager.default.removeItem(atPath: path)
        let isWhole = await installation.holds(within: 10) { try await lastWrite() == "ok" }
        // Redis 7.0 leaves half a command in a file that it started while it ran, and would not load it again; a rewrite
        // replaces the file. The guide gives operators the same advice.
        let isRewritten = try await rewriteFile()
        return isFull && isWhole && isRewritten
    }

    private func rewriteFile() async throws -> Bool {
        let installation = installation
        _ = await installation.holds(within: 10) {
            let answer = try await installation.command("BGREWRITEAOF").string ?? ""
            return answer.contains("started") || answer.contains("scheduled")
        }
        return await installation.holds(within: 20) {
            let facts = try await installation.store.serverInformation()
            return facts["aof_rewrite_in_progress"] == "0" && facts["aof_rewrite_scheduled"] == "0"
                && facts["aof_last_bgrewrite_status"] == "ok"
        }
    }

    private static func append(_ bytes: Data, to path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard file >= 0 else { return false }
        defer { close(file) }
        return bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) } == bytes.count
    }
}

// MARK: - Healing

extension Nemesis {
    /// Ends every fault and restarts killed processes.
    func heal() async throws {
        for member in installation.members {
            member.proxy?.heal()
            member.proxy?.thaw()
            member.proxy?.disconnectAll()
            member.send(.proceed)
            if !member.isRunning { try member.start() }
        }
        if !installation.redis.isRunning { try await installation.redis.restart() }
        try await installation.command("CONFIG", "SET", "maxmemory", "0")
        for name in Installation.queues {
            let queue = installation.store.queue(name)
            try await queue.resume()
            try await queue.configure(.init(limit: 0))
        }
    }
}
