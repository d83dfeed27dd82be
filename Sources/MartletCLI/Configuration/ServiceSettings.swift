// The validated configuration as plain values.

import Logging
import MartletQueue
import MartletTelemetry

/// The Redis server and the key prefix.
struct RedisSettings: Sendable, Equatable {
    /// May contain a password: never print it.
    var url: String
    var prefix: String
    /// The name of the deployment that owns the keys.
    var environment = "default"
    /// The file with the URL; a changed password is read from it again.
    var urlFile: String?
    /// The share of Redis' memory in percent above which the server refuses pushes.
    var memoryLimitPercent = 90
    /// The most queues.
    var queueLimit = JobStore.standardQueueLimit
}

/// Where the server listens, and who may use it.
struct HTTPSettings: Sendable, Equatable {
    var host: String
    var port: Int
    var socket: String?
    var socketMode = 0o600
    var pathPrefix: String?
    var gzip = true
    var corsOrigins: [String] = []
    /// 0 sets no limit.
    var rateLimit = 0
    var rateLimitSeconds = 60
    var probeHost = "127.0.0.1"
    var probePort: Int?
    var maxConnections = 1000
    var maxConnectionsPerAddress = 500
    var tlsCertificateFile: String?
    var tlsKeyFile: String?
    var tokensFile: String?
    /// How many entries each audit trail keeps, about.
    var auditEntries = 10_000
    /// The fields of payloads that only handlers see.
    var redaction = Redaction.none
    /// The directory of the loss detection's state.
    var stateDirectory: String?

    /// The files of the certificate and its key; `nil` for plain HTTP.
    var certificateFiles: CertificateFiles? {
        guard let tlsCertificateFile, let tlsKeyFile else { return nil }
        return CertificateFiles(certificate: tlsCertificateFile, key: tlsKeyFile)
    }

    /// Whether the host is loopback in one of its usual spellings.
    var isLoopback: Bool {
        host == "localhost" || host == "::1" || host == "[::1]"
            || (host.hasPrefix("127.") && host.split(separator: ".").count == 4
                && host.split(separator: ".").allSatisfy { UInt8($0) != nil })
    }
}

/// A queue that a worker serves, and its number of slots.
struct QueueSlots: Sendable, Equatable {
    var queue: String
    var slots: Int

    init(_ queue: String, _ slots: Int) {
        self.queue = queue
        self.slots = slots
    }

    /// Parses `downloads=10,mail=5`.
    static func list(_ text: String) throws -> [QueueSlots] {
        let list = try text.split(separator: ",", omittingEmptySubsequences: false).map { pair in
            let sides = pair.split(separator: "=", omittingEmptySubsequences: false)
                .map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
            guard sides.count == 2, QueueName(sides[0]) != nil, let slots = Int(sides[1]), (1...1000).contains(slots)
            else {
                throw InvalidValue()
            }
            return QueueSlots(sides[0], slots)
        }
        guard Set(list.map(\.queue)).count == list.count else { throw InvalidValue() }
        return list
    }
}

/// The queues of a worker process, and its shutdown limits.
struct WorkerSettings: Sendable, Equatable {
    var queues: [QueueSlots]
    var shutdownGrace: Duration
    /// Zero is unlimited.
    var unknownTypeLimit = Duration.zero
    var httpHost = "127.0.0.1"
    var httpPort: Int?
}

/// The settings of downloads.
struct DownloadSettings: Sendable, Equatable {
    var maxConcurrentDownloads: Int
    var defaultMaxRetries: Int
    var directory: String
    /// A URL template with `{track_id}`.
    var sourceURL: String?
    var maxBytes: Int
    /// Per worker process; 0 is unlimited.
    var bytesPerSecond: Int
    /// The lowest average speed of a server over ``minSpeedWindow``; 0 allows any.
    var minBytesPerSecond = 1024
    var minSpeedWindow = Duration.seconds(30)
    /// 0 sets no deadline.
    var deadlineBytesPerSecond = 16 << 10
    /// 0 sets no share.
    var maxPerHost = 2
    var lease: Duration
    var allowPrivateAddresses: Bool
}

/// Log level and format.
struct LogSettings: Sendable, Equatable {
    var level: Logger.Level
    var format: LogFormat
}

/// The complete configuration of a process.
struct ServiceSettings: Sendable {
    var redis: RedisSettings
    var http: HTTPSettings
    var worker: WorkerSettings
    var download: DownloadSettings
    var log: LogSettings
    /// The source of each value, in the order of the keys.
    var origins: [SettingOrigin]
    /// Probable mistakes.
    var warnings: [String]

    /// Reads and validates everything.
    ///
    /// `flags` are values by key name, as in ``SettingFlags/values``; `file` is the path from `--config`. Throws all
    /// problems at once.
    static func load(
        flags: [String: String] = [:], environment: [String: String], file: String? = nil
    ) throws(ConfigurationError) -> ServiceSettings {
        var layers = [SettingLayer.flags(flags), SettingLayer.environment(environment)]
        if let file { layers.append(SettingLayer.file(file)) }
        var reader = SettingReader(layers)
        let settings = ServiceSettings(&reader)
        guard reader.problems.isEmpty else { throw ConfigurationError(problems: reader.problems) }
        return settings
    }

    /// Whether the setting has its default.
    func isFallback(_ key: SettingKey) -> Bool { origins.contains { $0.key == key && $0.kind == .fallback } }

    /// Refuses settings with which a server must not start.
    func checkServer() throws(ConfigurationError) {
        let problems = serverProblems
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    }

    /// A public address without tokens, a certificate without a key or the other way round, and TLS on a socket.
    var serverProblems: [ConfigurationProblem] {
        var problems: [ConfigurationProblem] = []
        if !http.isLoopback, http.socket == nil, http.tokensFile == nil {
            problems.append(
                problem(
                    Settings.httpHost.key, http.host,
                    "must be a loopback address such as 127.0.0.1 unless AUTH_TOKENS_FILE is set"))
        }
        if let file = http.tlsCertificateFile, http.tlsKeyFile == nil {
            problems.append(problem(Settings.httpTLSCertificateFile.key, file, "needs HTTP_TLS_KEY_FILE too"))
        }
        if let file = http.tlsKeyFile, http.tlsCertificateFile == nil {
            problems.append(problem(Settings.httpTLSKeyFile.key, file, "needs HTTP_TLS_CERTIFICATE_FILE too"))
        }
        if let socket = http.socket, http.tlsCertificateFile != nil || http.tlsKeyFile != nil {
            problems.append(
                problem(Settings.httpSocket.key, socket, "has no TLS; leave HTTP_TLS_CERTIFICATE_FILE and its key out"))
        }
        return problems
    }

    private func problem(_ key: SettingKey, _ value: String, _ message: String) -> ConfigurationProblem {
        let origin = origins.first { $0.key == key }
        return ConfigurationProblem(
            variable: origin?.spelling ?? key.environment[0], value: value, message: message)
    }

    private init(_ reader: inout SettingReader) {
        redis = RedisSettings(
            url: reader.read(Settings.redisURL), prefix: reader.read(Settings.redisPrefix),
            environment: reader.read(Settings.redisEnvironment), urlFile: reader.file(of: Settings.redisURL.key),
            memoryLimitPercent: reader.read(Settings.redisMemoryLimit),
            queueLimit: reader.read(Settings.redisQueueLimit))
        http = HTTPSettings(
            host: reader.read(Settings.httpHost), port: reader.read(Settings.httpPort),
            socket: reader.read(Settings.httpSocket), socketMode: reader.read(Settings.httpSocketMode),
            pathPrefix: reader.read(Settings.httpPathPrefix), gzip: reader.read(Settings.httpGzip),
            corsOrigins: reader.read(Settings.httpCORSOrigins), rateLimit: reader.read(Settings.httpRateLimit),
            rateLimitSeconds: reader.read(Settings.httpRateLimitSeconds),
            probeHost: reader.read(Settings.httpProbeHost), probePort: reader.read(Settings.httpProbePort),
            maxConnections: reader.read(Settings.httpMaxConnections),
            maxConnectionsPerAddress: reader.read(Settings.httpMaxConnectionsPerAddress),
            tlsCertificateFile: reader.read(Settings.httpTLSCertificateFile),
            tlsKeyFile: reader.read(Settings.httpTLSKeyFile),
            tokensFile: reader.read(Settings.authTokensFile), auditEntries: reader.read(Settings.auditEntries),
            redaction: reader.read(Settings.redactPayload), stateDirectory: reader.read(Settings.stateDirectory))
        log = LogSettings(
            level: reader.read(Settings.logLevel), format: reader.read(Settings.logFormat) ?? .standard)
        worker = WorkerSettings(
            queues: reader.read(Settings.workerQueues), shutdownGrace: reader.read(Settings.workerShutdownGrace),
            unknownTypeLimit: reader.read(Settings.workerUnknownTypeLimit),
            httpHost: reader.read(Settings.workerHTTPHost), httpPort: reader.read(Settings.workerHTTPPort))
        download = DownloadSettings(
            maxConcurrentDownloads: reader.read(Settings.downloadMaxConcurrent),
            defaultMaxRetries: reader.read(Settings.downloadDefaultMaxRetries),
            directory: reader.read(Settings.downloadDirectory),
            sourceURL: reader.read(Settings.downloadSourceURL),
            maxBytes: reader.read(Settings.downloadMaxBytes),
            bytesPerSecond: reader.read(Settings.downloadBytesPerSecond),
            minBytesPerSecond: reader.read(Settings.downloadMinBytesPerSecond),
            minSpeedWindow: reader.read(Settings.downloadMinSpeedWindow),
            deadlineBytesPerSecond: reader.read(Settings.downloadDeadlineBytesPerSecond),
            maxPerHost: reader.read(Settings.downloadMaxPerHost),
            lease: reader.read(Settings.downloadLease),
            allowPrivateAddresses: reader.read(Settings.downloadAllowPrivateAddresses))
        origins = reader.origins
        warnings = reader.warnings
    }
}
