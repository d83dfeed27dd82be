// The settings as command line options, in groups.

import ArgumentParser

/// A group of options for settings.
///
/// Options have no defaults: a default would override the environment and the file.
protocol SettingFlags: ParsableArguments {
    /// The given values by key name.
    var values: [String: String] { get }
}

extension SettingFlags {
    /// Drops options that were not given.
    fileprivate func written(_ pairs: [(String, String?)]) -> [String: String] {
        Dictionary(pairs.compactMap { name, text in text.map { (name, $0) } }, uniquingKeysWith: { $1 })
    }
}

/// `--config`, for every command.
struct ConfigFlags: ParsableArguments {
    @Option(name: .customLong("config"), help: ArgumentHelp("Configuration file (JSON).", valueName: "path"))
    var file: String?
}

/// The Redis server.
struct RedisFlags: SettingFlags {
    @Option(name: Settings.redisURL.flag, help: Settings.redisURL.help)
    var url: String?
    @Option(
        name: .customLong("redis-url-file"),
        help: ArgumentHelp("File that contains the URL of Redis, including the password.", valueName: "path"))
    var urlFile: String?
    @Option(name: Settings.redisPrefix.flag, help: Settings.redisPrefix.help)
    var prefix: String?
    @Option(name: Settings.redisEnvironment.flag, help: Settings.redisEnvironment.help)
    var environment: String?
    @Option(name: Settings.redisMemoryLimit.flag, help: Settings.redisMemoryLimit.help)
    var memoryLimit: String?
    @Option(name: Settings.redisQueueLimit.flag, help: Settings.redisQueueLimit.help)
    var queueLimit: String?

    var values: [String: String] {
        written([
            (Settings.redisURL.key.name, url), ("redis.url_file", urlFile), (Settings.redisPrefix.key.name, prefix),
            (Settings.redisEnvironment.key.name, environment), (Settings.redisMemoryLimit.key.name, memoryLimit),
            (Settings.redisQueueLimit.key.name, queueLimit),
        ])
    }
}

/// Where the server listens.
struct HTTPFlags: SettingFlags {
    @Option(name: Settings.httpHost.flag, help: Settings.httpHost.help)
    var host: String?
    @Option(name: Settings.httpPort.flag, help: Settings.httpPort.help)
    var port: String?
    @Option(name: Settings.httpSocket.flag, help: Settings.httpSocket.help)
    var socket: String?
    @Option(name: Settings.httpSocketMode.flag, help: Settings.httpSocketMode.help)
    var socketMode: String?
    @Option(name: Settings.httpPathPrefix.flag, help: Settings.httpPathPrefix.help)
    var pathPrefix: String?
    @Option(name: Settings.httpGzip.flag, help: Settings.httpGzip.help)
    var gzip: String?
    @Option(name: Settings.httpCORSOrigins.flag, help: Settings.httpCORSOrigins.help)
    var corsOrigins: String?
    @Option(name: Settings.httpRateLimit.flag, help: Settings.httpRateLimit.help)
    var rateLimit: String?
    @Option(name: Settings.httpRateLimitSeconds.flag, help: Settings.httpRateLimitSeconds.help)
    var rateLimitSeconds: String?
    @Option(name: Settings.httpProbeHost.flag, help: Settings.httpProbeHost.help)
    var probeHost: String?
    @Option(name: Settings.httpProbePort.flag, help: Settings.httpProbePort.help)
    var probePort: String?
    @Option(name: Settings.httpMaxConnections.flag, help: Settings.httpMaxConnections.help)
    var maxConnections: String?
    @Option(name: Settings.httpMaxConnectionsPerAddress.flag, help: Settings.httpMaxConnectionsPerAddress.help)
    var maxConnectionsPerAddress: String?
    @Option(name: Settings.httpTLSCertificateFile.flag, help: Settings.httpTLSCertificateFile.help)
    var tlsCertificateFile: String?
    @Option(name: Settings.httpTLSKeyFile.flag, help: Settings.httpTLSKeyFile.help)
    var tlsKeyFile: String?
    @Option(name: Settings.authTokensFile.flag, help: Settings.authTokensFile.help)
    var tokensFile: String?
    @Option(name: Settings.auditEntries.flag, help: Settings.auditEntries.help)
    var auditEntries: String?
    @Option(name: Settings.redactPayload.flag, help: Settings.redactPayload.help)
    var redactPayload: String?
    @Option(name: Settings.stateDirectory.flag, help: Settings.stateDirectory.help)
    var stateDirectory: String?

    var values: [String: String] {
        written([
            (Settings.httpHost.key.name, host), (Settings.httpPort.key.name, port),
            (Settings.httpSocket.key.name, socket), (Settings.httpSocketMode.key.name, socketMode),
            (Settings.httpPathPrefix.key.name, pathPrefix),
            (Settings.httpGzip.key.name, gzip), (Settings.httpCORSOrigins.key.name, corsOrigins),
            (Settings.httpRateLimit.key.name, rateLimit),
            (Settings.httpRateLimitSeconds.key.name, rateLimitSeconds),
            (Settings.httpProbeHost.key.name, probeHost),
            (Settings.httpProbePort.key.name, probePort),
            (Settings.httpMaxConnections.key.name, maxConnections),
            (Settings.httpMaxConnectionsPerAddress.key.name, maxConnectionsPerAddress),
            (Settings.httpTLSCertificateFile.key.name, tlsCertificateFile),
            (Settings.httpTLSKeyFile.key.name, tlsKeyFile),
            (Settings.authTokensFile.key.name, tokensFile), (Settings.auditEntries.key.name, auditEntries),
            (Settings.redactPayload.key.name, redactPayload), (Settings.stateDirectory.key.name, stateDirectory),
        ])
    }
}

/// How much is logged.
struct LogFlags: SettingFlags {
    @Option(name: Settings.logLevel.flag, help: Settings.logLevel.help)
    var level: String?
    @Option(name: Settings.logFormat.flag, help: Settings.logFormat.help)
    var format: String?

    var values: [String: String] {
        written([(Settings.logLevel.key.name, level), (Settings.logFormat.key.name, format)])
    }
}

/// The queues of a worker process.
struct WorkerFlags: SettingFlags {
    @Option(name: Settings.workerQueues.flag, help: Settings.workerQueues.help)
    var queues: String?
    @Option(name: Settings.workerShutdownGrace.flag, help: Settings.workerShutdownGrace.help)
    var shutdownGrace: String?
    @Option(name: Settings.workerUnknownTypeLimit.flag, help: Settings.workerUnknownTypeLimit.help)
    var unknownTypeLimit: String?
    @Option(name: Settings.workerHTTPHost.flag, help: Settings.workerHTTPHost.help)
    var httpHost: String?
    @Option(name: Settings.workerHTTPPort.flag, help: Settings.workerHTTPPort.help)
    var httpPort: String?

    var values: [String: String] {
        written([
            (Settings.workerQueues.key.name, queues), (Settings.workerShutdownGrace.key.name, shutdownGrace),
            (Settings.workerUnknownTypeLimit.key.name, unknownTypeLimit),
            (Settings.workerHTTPHost.key.name, httpHost), (Settings.workerHTTPPort.key.name, httpPort),
        ])
    }
}

/// The settings of downloads.
struct DownloadFlags: SettingFlags {
    @Option(name: Settings.downloadMaxConcurrent.flag, help: Settings.downloadMaxConcurrent.help)
    var maxConcurrent: String?
    @Option(name: Settings.downloadDefaultMaxRetries.flag, help: Settings.downloadDefaultMaxRetries.help)
    var defaultMaxRetries: String?
    @Option(name: Settings.downloadDirectory.flag, help: Settings.downloadDirectory.help)
    var directory: String?
    @Option(name: Settings.downloadSourceURL.flag, help: Settings.downloadSourceURL.help)
    var sourceURL: String?
    @Option(name: Settings.downloadMaxBytes.flag, help: Settings.downloadMaxBytes.help)
    var maxBytes: String?
    @Option(name: Settings.downloadBytesPerSecond.flag, help: Settings.downloadBytesPerSecond.help)
    var bytesPerSecond: String?
    @Option(name: Settings.downloadMinBytesPerSecond.flag, help: Settings.downloadMinBytesPerSecond.help)
    var minBytesPerSecond: String?
    @Option(name: Settings.downloadMinSpeedWindow.flag, help: Settings.downloadMinSpeedWindow.help)
    var minSpeedWindow: String?
    @Option(name: Settings.downloadDeadlineBytesPerSecond.flag, help: Settings.downloadDeadlineBytesPerSecond.help)
    var deadlineBytesPerSecond: String?
    @Option(name: Settings.downloadMaxPerHost.flag, help: Settings.downloadMaxPerHost.help)
    var maxPerHost: String?
    @Option(name: Settings.downloadLease.flag, help: Settings.downloadLease.help)
    var lease: String?
    @Option(name: Settings.downloadAllowPrivateAddresses.flag, help: Settings.downloadAllowPrivateAddresses.help)
    var allowPrivateAddresses: String?

    var values: [String: String] {
        written([
            (Settings.downloadMaxConcurrent.key.name, maxConcurrent),
            (Settings.downloadDefaultMaxRetries.key.name, defaultMaxRetries),
            (Settings.downloadDirectory.key.name, directory), (Settings.downloadSourceURL.key.name, sourceURL),
            (Settings.downloadMaxBytes.key.name, maxBytes),
            (Settings.downloadBytesPerSecond.key.name, bytesPerSecond),
            (Settings.downloadMinBytesPerSecond.key.name, minBytesPerSecond),
            (Settings.downloadMinSpeedWindow.key.name, minSpeedWindow),
            (Settings.downloadDeadlineBytesPerSecond.key.name, deadlineBytesPerSecond),
            (Settings.downloadMaxPerHost.key.name, maxPerHost), (Settings.downloadLease.key.name, lease),
            (Settings.downloadAllowPrivateAddresses.key.name, allowPrivateAddresses),
        ])
    }
}

extension ServiceSettings {
    /// Reads and validates everything for a command with these groups of options.
    static func load(
        _ groups: [any SettingFlags], config: ConfigFlags, environment: [String: String]
    ) throws(ConfigurationError) -> ServiceSettings {
        let flags = groups.reduce(into: [String: String]()) { $0.merge($1.values) { $1 } }
        return try load(flags: flags, environment: environment, file: config.file)
    }
}
