// The store that the settings name, for the length of one command.

import MartletCommandSupport
import MartletQueue
import MartletRedis

extension StoreSession {
    /// Calls `body` with a connected store; throws a failure when Redis is away.
    static func withStore<Value: Sendable>(
        _ settings: RedisSettings, _ body: @Sendable (JobStore) async throws -> Value
    ) async throws -> Value {
        try await withStore(configuration(settings), prefix: settings.prefix, body)
    }

    /// Where Redis is; throws a failure that names the setting when the URL is invalid.
    static func configuration(_ settings: RedisSettings) throws -> RedisConfiguration {
        var configuration = try configuration(url: settings.url)
        configuration.urlFile = settings.urlFile
        return configuration
    }
}
