// The checks of the Redis server for `doctor`, servers and workers.

import FoundationEssentials
import MartletRedis

/// Checks a Redis server.
package struct RedisCheckup: Sendable {
    private let store: CheckedStore

    /// Creates the checks for the Redis of `store`.
    package init(_ store: CheckedStore) { self.store = store }

    /// Runs all checks; throws when Redis becomes unavailable.
    package func run() async throws -> [Checkup] {
        try await store.withClient { client in
            let fitness = try await fitness(client, claims: false)
            let advised = fitness.contains(where: \.refusesStart) ? [] : try await AdvisedSetting.checks(client)
            return fitness + advised + [
                try await clock(client), try await latency(client), try await CollationCheckup.check(client),
            ]
        }
    }

    /// Runs the checks that must pass before a process works; with `claims`, marks the keys as belonging to this
    /// environment.
    package func runAtStart(claims: Bool) async throws -> [Checkup] {
        try await store.withClient { client in try await fitness(client, claims: claims) }
    }

    private func fitness(_ client: RedisClient, claims: Bool) async throws -> [Checkup] {
        let info = try await Self.information(client)
        let first = [Self.version(info), Self.mode(info), Self.role(info), Self.memory(info)]
        // Older servers do not support the remaining checks.
        if first.contains(where: \.refusesStart) { return first }
        let permissions = try await PermissionCheckup.check(client, prefix: store.prefix)
        return first + (try await policies(client)) + [Self.writing(info)] + permissions + [
            try await EnvironmentCheckup.check(client, store, claims: claims)
        ]
    }

    /// The fields of `INFO`; empty when the command is denied.
    private static func information(_ client: RedisClient) async throws -> [String: String] {
        do throws(RedisError) { return try await client.send(.command("INFO")).informationFields } catch {
            guard error.outcome == .verdict else { throw error }
            return [:]
        }
    }

    package static func version(_ info: [String: String]) -> Checkup {
        let name = "redis version"
        guard let version = info["redis_version"] else {
            return Checkup(name, .warning, "INFO is not allowed here", "Martlet needs Redis 7.0 or newer")
        }
        let major = version.split(separator: ".").first.flatMap { Int($0) } ?? 0
        return Checkup(
            name, major >= 7 ? .good : .bad, version, "Martlet needs Redis 7.0 or newer", refusesStart: true)
    }

    package static let modeName = "mode"

    /// A cluster is refused: queues would be on several nodes, and redirects are not followed.
    package static func mode(_ info: [String: String]) -> Checkup {
        let isCluster = info["cluster_enabled"] == "1"
        return Checkup(
            modeName, isCluster ? .bad : .good, isCluster ? "cluster" : "single",
            "use a Redis that is not in cluster mode: Martlet speaks to one server and follows no redirects",
            refusesStart: true)
    }

    private static func role(_ info: [String: String]) -> Checkup {
        let role = info["role"] ?? "unknown"
        return Checkup(
            "role", role == "master" ? .good : info["role"] == nil ? .warning : .bad, role,
            "point REDIS_URL at the master")
    }

    private static func memory(_ info: [String: String]) -> Checkup {
        let used = info["used_memory"].flatMap { Double($0) } ?? 0
        let limit = info["maxmemory"].flatMap { Double($0) } ?? 0
        let text = mebibytes(used) + (limit > 0 ? " of " + mebibytes(limit) : ", no limit")
        let isFull = limit > 0 && used > limit * 0.9
        return Checkup("memory", isFull ? .warning : .good, text, "raise maxmemory before pushes are refused")
    }

    private static func mebibytes(_ bytes: Double) -> String {
        let tenths = Int((min(max(bytes, 0), 1e18) / 104_857.6).rounded())
        return "\(tenths / 10).\(tenths % 10) MiB"
    }

    /// Whether Redis succeeded the last time it wrote its files.
    private static func writing(_ info: [String: String]) -> Checkup {
        let states = ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"]
        let bad = states.filter { (info[$0] ?? "ok") != "ok" }
        return Checkup(
            "writing to disk", bad.isEmpty ? .good : .bad, bad.isEmpty ? "ok" : bad.joined(separator: ", "),
            "look at Redis' log and its disk")
    }

    private func policies(_ client: RedisClient) async throws -> [Checkup] {
        func setting(_ name: String) async -> String? {
            try? await client.send(.command(RedisArguments("CONFIG", "GET", name))).array?.last?.string
        }
        guard let eviction = await setting("maxmemory-policy") else {
            return [Checkup("settings", .warning, "CONFIG is not allowed here", "check them where Redis is managed")]
        }
        let appends = await setting("appendonly") ?? "no"
        let syncs = await setting("appendfsync") ?? "no"
        let listpack = await setting("hash-max-listpack-value").flatMap { Int($0) } ?? 0
        return [
            Self.eviction(eviction),
            Checkup("appendonly", appends == "yes" ? .good : .bad, appends, "set yes: jobs would not outlive Redis"),
            Checkup(
                "appendfsync", syncs == "no" ? .warning : .good, syncs, "set everysec or always"),
            Checkup(
                "hash-max-listpack-value", listpack >= 1024 ? .good : .warning, String(listpack),
                "set 1024: jobs would take about twice the memory"),
        ]
    }

    /// Martlet's keys have no expiry, so only the `allkeys` policies evict them.
    package static func eviction(_ policy: String) -> Checkup {
        let takesOurs = policy.hasPrefix("allkeys")
        return Checkup(
            "maxmemory-policy", policy == "noeviction" ? .good : takesOurs ? .bad : .warning, policy,
            takesOurs ? "set noeviction: Redis would throw jobs away" : "set noeviction, as nothing here expires",
            refusesStart: true)
    }

    private func clock(_ client: RedisClient) async throws -> Checkup {
        let before = Date()
        let parts = try await client.send(.command("TIME")).array ?? []
        let middle = (before.timeIntervalSince1970 + Date().timeIntervalSince1970) / 2
        guard parts.count == 2, let seconds = parts[0].int, let micros = parts[1].int else {
            return Checkup("clock", .bad, "unknown", "this is not Redis' answer to TIME")
        }
        let difference = Double(seconds) + Double(micros) / 1e6 - middle
        let milliseconds = Int((difference * 1000).rounded())
        return Checkup(
            "clock", abs(difference) < 2 ? .good : .warning,
            "\(milliseconds < 0 ? "" : "+")\(milliseconds) ms from the local clock",
            "Martlet uses Redis' clock alone, but times will look wrong to people")
    }

    private func latency(_ client: RedisClient) async throws -> Checkup {
        var times: [Duration] = []
        for _ in 0..<20 {
            let start = ContinuousClock.now
            _ = try await client.send(.command("PING"))
            times.append(ContinuousClock.now - start)
        }
        times.sort()
        let microseconds = Int((times[10] / .microseconds(1)).rounded())
        return Checkup(
            "latency", times[10] < .milliseconds(20) ? .good : .warning, "\(microseconds) µs (median of 20)",
            "bring Redis nearer")
    }
}
