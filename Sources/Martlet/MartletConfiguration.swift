// The Redis server, key prefix and environment of a client, from values or from environment variables.

public import FoundationEssentials
import MartletChecks
import MartletQueue
import MartletRedis

/// The configuration of a ``Martlet`` client.
///
/// ```swift
/// var configuration = try MartletConfiguration(redisURL: "redis://127.0.0.1:6379", prefix: "shop")
/// configuration.connectTimeout = .seconds(10)
/// ```
public struct MartletConfiguration: Sendable {
    /// The default URL of Redis.
    public static let defaultURL = "redis://127.0.0.1:6379"

    /// The first part of every key.
    public let prefix: String
    /// The name of the deployment that owns the keys; processes of another environment are refused.
    public let environment: String
    /// How long ``Martlet`` waits for its first connection; `nil`, the default, waits without a limit.
    public var connectTimeout: Duration?
    private(set) var redis: RedisConfiguration

    var checked: CheckedStore { CheckedStore(redis: redis, prefix: prefix, environment: environment) }

    /// Creates a configuration from values.
    ///
    /// - Parameters:
    ///   - redisURL: `redis[s]://[user:password@]host[:port][/db]` or `unix:///path`.
    ///   - prefix: 1 to 64 letters, digits, `.`, `_`, `:` and `-`.
    ///   - environment: the name of the deployment, 1 to 64 of the same characters.
    /// - Throws: ``MartletError/badPrefix(_:)``, ``MartletError/badEnvironment(_:)`` or
    ///   ``MartletError/badRedisURL(_:)``.
    public init(
        redisURL: String = Self.defaultURL, prefix: String = "martlet", environment: String = "default"
    ) throws(MartletError) {
        guard Self.isPrefix(prefix) else { throw .badPrefix(prefix) }
        guard Self.isPrefix(environment) else { throw .badEnvironment(environment) }
        self.prefix = prefix
        self.environment = environment
        do { redis = try RedisConfiguration(url: redisURL) } catch { throw .badRedisURL(error.message) }
    }

    /// Creates a configuration from environment variables.
    ///
    /// Configuration keys:
    /// - `REDIS_URL` (default `redis://127.0.0.1:6379`), or `REDIS_URL_FILE`, a file that holds it; user and password
    ///   are read from the file again whenever Redis refuses them.
    /// - `REDIS_PREFIX` (default `martlet`): the first part of every key.
    /// - `REDIS_ENVIRONMENT` (default `default`): the name of the deployment that owns the keys.
    ///
    /// - Parameter variables: the variables; those of the process by default.
    /// - Throws: ``MartletError`` when a value is invalid or the file cannot be read.
    public static func environment(
        _ variables: [String: String] = ProcessInfo.processInfo.environment
    ) throws(MartletError) -> MartletConfiguration {
        let file = variables["REDIS_URL"] == nil ? variables["REDIS_URL_FILE"] : nil
        var url = variables["REDIS_URL"] ?? defaultURL
        if let file {
            do { url = try SecretFile.line(at: file) } catch {
                throw error == .unreadable ? .unreadableFile(file) : .badRedisURL("\(file) \(error)")
            }
        }
        var configuration = try MartletConfiguration(
            redisURL: url, prefix: variables["REDIS_PREFIX"] ?? "martlet",
            environment: variables["REDIS_ENVIRONMENT"] ?? "default")
        configuration.redis.urlFile = file
        return configuration
    }

    /// Braces would change the hash tag and spread a queue's keys over slots.
    private static func isPrefix(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "._:-".utf8.contains(byte)
                }
            }
    }
}

/// A configuration error of a ``Martlet`` client.
///
/// ```swift
/// do {
///     _ = try await Martlet(.environment())
/// } catch MartletError.unfitRedis(let faults) {
///     for fault in faults { print(fault) }
/// }
/// ```
public enum MartletError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The name does not match `^[a-z0-9][a-z0-9._-]{0,63}$`.
    case badQueueName(String)
    /// The key prefix is empty, longer than 64 characters, or has an invalid character.
    case badPrefix(String)
    /// The environment's name is empty, longer than 64 characters, or has an invalid character.
    case badEnvironment(String)
    /// The Redis URL is invalid; the value says why.
    case badRedisURL(String)
    /// Redis is not fit for use; one entry for each failed check, with the finding and what to do.
    case unfitRedis([String])
    /// A file that an environment variable names cannot be read.
    case unreadableFile(String)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .badQueueName(let name): "\"\(name)\" is not a valid queue name; it \(QueueName.rule)"
        case .badPrefix(let text):
            "REDIS_PREFIX \"\(text)\" cannot be used; choose 1 to 64 of letters, digits and . _ : -"
        case .badEnvironment(let text):
            "REDIS_ENVIRONMENT \"\(text)\" cannot be used; choose 1 to 64 of letters, digits and . _ : -"
        case .unfitRedis(let faults): "Redis is not fit for use: \(faults.joined(separator: "\n"))"
        case .badRedisURL(let reason): "REDIS_URL cannot be used: \(reason)"
        case .unreadableFile(let path): "REDIS_URL_FILE names \(path), which cannot be read"
        }
    }
}
