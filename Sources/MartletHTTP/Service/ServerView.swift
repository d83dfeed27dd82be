// GET /api/v1/system: the server, its Redis, and the findings about both.

import FoundationEssentials
import MartletJSON
import MartletQueue

/// The description of the server and its Redis.
enum ServerView {
    static let system = ObjectShape(
        "System", "The server and its Redis.",
        [
            .always("server", .object(server), "The server."), .always("redis", .object(redis), "Redis."),
            .always("findings", .list(ReadinessFinding.shape), "What the server found out about both."),
        ])
    private static let server = ObjectShape(
        "Server", "The server.",
        [
            .always("version", .text, "Its version."), .always("time", .time, "Its time."),
            .always("uptime_seconds", .seconds, "How long it runs."),
        ])
    private static let redis = ObjectShape(
        "Redis", "What Redis says of itself; less where `INFO` is denied.",
        [
            .maybe("version", .text, "Its version."), .maybe("role", .text, "`master` or `slave`."),
            .always("latency_seconds", .seconds, "How long it took to answer."),
            .maybe("uptime_seconds", .count, "How long it runs."),
            .maybe("used_memory_bytes", .count, "The memory that it uses."),
            .maybe("peak_memory_bytes", .count, "The most memory that it has used."),
            .maybe("memory_limit_bytes", .count, "Its `maxmemory`, if it has one."),
            .maybe("connected_clients", .count, "How many clients are connected."),
            .maybe("commands_per_second", .count, "How many commands it runs."),
            .maybe("append_only", .flag, "Whether it writes an append-only file."),
        ])
}

extension RouteDescription {
    static var system: RouteDescription {
        RouteDescription(
            "getSystem", .system, "Look at the server and its Redis", "Versions, memory, and the findings of checks.",
            answers: [.ok(.object(ServerView.system), "Both.")], problems: ProblemCode.redis,
            examples: [RouteExample("system", "The server and its Redis")])
    }
}

extension API {
    /// The version and uptime of the server, and what Redis says of itself.
    func system() async throws -> Reply {
        let latency = try await store.ping()
        let redis = Self.redis(try await redisInformation(), latency)
        return Reply(
            .object([
                "server": .object([
                    "version": .string(settings.version), "time": .time(Date()),
                    "uptime_seconds": .seconds(ContinuousClock.now - startedAt),
                ]),
                "redis": redis, "findings": .array(findings().map(\.json)),
            ]))
    }

    /// The fields of `INFO`; none where the command is denied.
    private func redisInformation() async throws(QueueError) -> [String: String] {
        do throws(QueueError) { return try await store.serverInformation() } catch {
            guard case .refused = error.kind else { throw error }
            return [:]
        }
    }

    private static func redis(_ info: [String: String], _ latency: Duration) -> JSONOutput {
        func number(_ name: String) -> JSONOutput? { info[name].flatMap { Int($0) }.map { .int($0) } }
        let limit = info["maxmemory"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        return .object([
            "version": info["redis_version"].map { .string($0) }, "role": info["role"].map { .string($0) },
            "latency_seconds": .seconds(latency), "uptime_seconds": number("uptime_in_seconds"),
            "used_memory_bytes": number("used_memory"), "peak_memory_bytes": number("used_memory_peak"),
            "memory_limit_bytes": limit.map { .int($0) }, "connected_clients": number("connected_clients"),
            "commands_per_second": number("instantaneous_ops_per_sec"),
            "append_only": info["aof_enabled"].map { .bool($0 == "1") },
        ])
    }
}
