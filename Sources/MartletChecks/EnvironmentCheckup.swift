// The environment's name, stored beside the keys, so that two environments never share queues by mistake.

import MartletRedis

/// The marker that the first process of an environment stores in Redis.
enum EnvironmentCheckup {
    static let field = "environment"

    /// Compares the marker with this process's environment; with `claims`, creates it if it is missing.
    ///
    /// When Redis refuses writes (full or read-only), the marker is only read: a worker must still start, since its
    /// work frees memory.
    static func check(
        _ client: RedisClient, _ store: CheckedStore, claims: Bool
    ) async throws(RedisError) -> Checkup {
        let key = store.prefix + ":global"
        do throws(RedisError) {
            let found = try await client.send(.command(RedisArguments("HGET", key, field))).string
            guard claims, found == nil else { return judge(found, store) }
            return try await mark(client, key, store)
        } catch  where error.outcome == .verdict {
            return Checkup("environment", .warning, "cannot be asked: \(error.message)", "allow HGET and HSETNX")
        }
    }

    /// Creates the marker and reads it back, since another process may have been faster.
    private static func mark(
        _ client: RedisClient, _ key: String, _ store: CheckedStore
    ) async throws(RedisError) -> Checkup {
        do throws(RedisError) {
            _ = try await client.send(.command(RedisArguments("HSETNX", key, field, store.environment)))
        } catch  where error.code.refusesWrites {
            return Checkup(
                "environment", .warning, "not marked: \(error.message)",
                "\(error.code.advice) The keys are marked when Redis takes writes again")
        }
        return judge(try await client.send(.command(RedisArguments("HGET", key, field))).string, store)
    }

    static func judge(_ found: String?, _ store: CheckedStore) -> Checkup {
        guard let found, found != store.environment else {
            return Checkup("environment", .good, "\(store.environment)\(found == nil ? " (not yet marked)" : "")")
        }
        return Checkup(
            "environment", .bad,
            "the keys \(store.prefix):* belong to \"\(found)\", not \"\(store.environment)\"",
            "set REDIS_PREFIX to another prefix, or REDIS_ENVIRONMENT to the name of that environment",
            refusesStart: true)
    }
}

extension RedisError.Code {
    /// Whether Redis answers reads but refuses writes.
    var refusesWrites: Bool {
        switch self {
        case .outOfMemory, .readOnly, .noReplicas, .misconfigured: true
        default: false
        }
    }
}
