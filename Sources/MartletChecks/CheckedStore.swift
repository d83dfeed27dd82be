// The keys and the Redis server that the checks use.

import Logging
package import MartletRedis

/// The keys that a process is about to use.
package struct CheckedStore: Sendable {
    /// How long a check waits for Redis.
    package static let timeout = Duration.seconds(5)

    /// The Redis server.
    package var redis: RedisConfiguration
    /// The first part of every key.
    package var prefix: String
    /// The name of the deployment that must own the keys.
    package var environment: String

    /// Creates a value for the keys under `prefix`, which must belong to `environment`.
    package init(redis: RedisConfiguration, prefix: String, environment: String) {
        self.redis = redis
        self.prefix = prefix
        self.environment = environment
    }

    /// Calls `body` with a dedicated connection, so that checks do not wait behind the process's other commands.
    func withClient<Value: Sendable>(
        _ body: @Sendable (RedisClient) async throws -> Value
    ) async throws -> Value {
        let client = RedisClient(redis, logger: Logger(label: "martlet") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { try await client.run() }
        let result: Result<Value, any Error>
        do {
            try await client.waitUntilConnected(within: Self.timeout)
            result = .success(try await body(client))
        } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        return try result.get()
    }
}
