// Whose queues these are: the name of an environment beside the keys, so that two never share them by mistake.

import MartletRedis

/// The mark that the first process of an environment leaves in Redis.
enum EnvironmentCheckup {
    static let field = "environment"

    /// Compares the mark with the settings; `claims` leaves it where there is none.
    static func check(
        _ client: RedisClient, _ settings: RedisSettings, claims: Bool
    ) async throws(RedisError) -> Checkup {
        let key = settings.prefix + ":global"
        do throws(RedisError) {
            if claims {
                _ = try await client.send(.command(RedisArguments("HSETNX", key, field, settings.environment)))
            }
            let found = try await client.send(.command(RedisArguments("HGET", key, field))).string
            return judge(found, settings)
        } catch  where error.outcome == .verdict {
            return Checkup("environment", .warning, "cannot be asked: \(error.message)", "allow HGET and HSETNX")
        }
    }

    static func judge(_ found: String?, _ settings: RedisSettings) -> Checkup {
        guard let found, found != settings.environment else {
            return Checkup("environment", .good, "\(settings.environment)\(found == nil ? " (not yet marked)" : "")")
        }
        return Checkup(
            "environment", .bad,
            "the keys \(settings.prefix):* belong to \"\(found)\", not \"\(settings.environment)\"",
            "set REDIS_PREFIX to a prefix of its own, or REDIS_ENVIRONMENT to the name of that environment",
            refusesStart: true)
    }
}
