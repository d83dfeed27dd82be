// Which keys of which Redis are checked, and the connection that the checks use.

import Logging
package import MartletRedis

/// The keys that a process is about to use.
package struct CheckedStore: Sendable {
    /// How long a check waits for Redis.
    package static let patience = Duration.seconds(5)

    /// Where Redis is.
    package var redis: RedisConfiguration
    /// The first part of every key.
    package var prefix: String
    /// The name of the deployment to which the keys must belong.
    package var environment: String

    /// The keys under `prefix`, which must belong to `environment`.
    package init(redis: RedisConfiguration, prefix: String, environment: String) {
        self.redis = redis
        self.prefix = prefix
        self.environment = environment
    }

    /// Calls `body` with a connection of its own, so that a check never waits behind the process' commands.
    func withClient<Value: Sendable>(
        _ body: @Sendable (RedisClient) async throws -> Value
    ) async throws -> Value {
        let client = RedisClient(redis, logger: Logger(label: "martlet") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { try await client.run() }
        let result: Result<Value, any Error>
        do {
            try await client.waitUntilConnected(within: Self.patience)
            result = .success(try await body(client))
        } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        return try result.get()
    }
}
