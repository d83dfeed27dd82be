// The store connection of one command.

import Logging
package import MartletQueue
package import MartletRedis

/// Connections to Redis for the duration of a command.
package enum StoreSession {
    /// How long a command waits for Redis.
    package static let timeout = Duration.seconds(5)

    /// Calls `body` with a connected store; throws a failure when Redis is unavailable.
    package static func withStore<Value: Sendable>(
        _ redis: RedisConfiguration, prefix: String, _ body: @Sendable (JobStore) async throws -> Value
    ) async throws -> Value {
        let store = JobStore(
            redis: redis, prefix: prefix, logger: Logger(label: "martlet") { _ in SwiftLogNoOpLogHandler() })
        return try await beside(store.run) {
            do throws(QueueError) { try await store.waitUntilConnected(within: timeout) } catch {
                throw unreachable(error)
            }
            return try await body(store)
        }
    }

    /// The failure for an unreachable Redis; a wrong password is a different failure.
    package static func unreachable(_ error: QueueError) -> CommandFailure {
        guard case .notExecuted(.denied) = error.kind else {
            return CommandFailure(.unavailable, "Redis cannot be reached: \(error.message)")
        }
        return CommandFailure(
            .authentication, "\(error.message). Check the user and the password of REDIS_URL", word: "redis-denied")
    }

    /// Where Redis is; throws a failure that names the setting `REDIS_URL` when the URL is invalid.
    package static func configuration(url: String) throws -> RedisConfiguration {
        do throws(RedisError) { return try RedisConfiguration(url: url) } catch {
            throw CommandFailure(.configuration, "REDIS_URL: \(error.message)")
        }
    }

    /// Runs `service` while `body` runs.
    package static func beside<Value: Sendable>(
        _ service: @escaping @Sendable () async throws -> Void, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let running = Task { try await service() }
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        return try result.get()
    }
}
