// All settings, in documentation order; the only list of them.

import Logging
import MartletQueue
import MartletTelemetry

/// Every key of the configuration.
enum Settings {
    static let redisURL = Setting.text(
        "redis.url", "redis://127.0.0.1:6379",
        must: "a URL of the form redis[s]://[user:password@]host[:port][/db] or unix:///path",
        meaning: "Where Redis is; redis:// or rediss:// for TCP, unix:/// for a socket.", isSecret: true
    ) { url in ["redis://", "rediss://", "unix://"].contains { url.hasPrefix($0) && url.count > $0.count } }

    static let redisPrefix = Setting.text(
        "redis.prefix", "martlet", must: "1 to 64 characters out of A-Z a-z 0-9 . _ : -",
        meaning: "First part of every key in Redis."
    ) { prefix in (1...64).contains(prefix.utf8.count) && prefix.utf8.allSatisfy(isKeyByte) }

    static let redisEnvironment = Setting.text(
        "redis.environment", "default", must: "1 to 64 characters out of A-Z a-z 0-9 . _ : -",
        meaning: "Name of this deployment; a server or worker of another one refuses the same keys."
    ) { name in (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(isKeyByte) }

    static let redisMemoryLimit = Setting.number(
        "redis.memory_limit_percent", 90, in: 10...100,
        meaning: "Share of Redis' maxmemory from which the server refuses pushes; 100 leaves that to Redis.")

    static let redisQueueLimit = Setting.number(
        "redis.queue_limit", JobStore.standardQueueLimit, in: 1...100_000,
        meaning: "How many queues there may be; a push that would create one more is refused.")

    static let httpHost = Setting.text(
        "http.host", "127.0.0.1", must: "an address or a host name",
        meaning: "Address on which the server listens; any other than loopback needs AUTH_TOKENS_FILE."
    ) { host in !host.isEmpty && !host.contains { $0.isWhitespace || $0 == "/" } }

    static let httpPort = Setting.number(
        "http.port", 8080, in: 0...65_535, meaning: "Port on which the server listens; 0 takes a free one.")

    static let httpSocket = Setting.optionalText(
        "http.socket", must: "an absolute path of at most 103 bytes",
        meaning: "Unix socket on which the server listens instead of host and port."
    ) { path in path.hasPrefix("/") && (2...103).contains(path.utf8.count) && !path.contains("\0") }

    static let httpSocketMode = Setting(
        "http.socket_mode", fallback: 0o600, shownAs: "600", must: "permissions in octal from 600 to 777",
        meaning: "Permissions of that socket; who may write it may connect."
    ) { text in
        guard text.utf8.count <= 4, let mode = Int(text, radix: 8), (0o600...0o777).contains(mode) else {
            throw InvalidValue()
        }
        return mode
    }

    static let httpPathPrefix = Setting<String?>(
        "http.path_prefix", fallback: nil, shownAs: nil, must: "a path such as /martlet",
        meaning: "Path under which a proxy shows the server; it is answered with this prefix and without it."
    ) { text in
        var text = text
        while text.hasSuffix("/") { text.removeLast() }
        if text.isEmpty { return nil }
        guard text.hasPrefix("/") else { throw InvalidValue() }
        return text
    }

    static let httpGzip = Setting.flag(
        "http.gzip", true, meaning: "Whether large answers are compressed for clients that accept gzip.")

    static let httpCORSOrigins = Setting<[String]>(
        "http.cors_origins", fallback: [], shownAs: nil,
        must: "origins such as https://example.org, separated by commas, or *",
        meaning: "Origins whose pages may use the API with tokens of their own; none by default."
    ) { text in
        try text.split(separator: ",").map { word in
            let origin = word.filter { $0 != " " }.lowercased()
            guard origin == "*" || origin.hasPrefix("https://") || origin.hasPrefix("http://") else {
                throw InvalidValue()
            }
            return origin
        }
    }

    static let httpRateLimit = Setting.number(
        "http.rate_limit", 0, in: 0...100_000_000,
        meaning: "Requests that one token may send to this server in HTTP_RATE_LIMIT_SECONDS; 0 is without limit.")

    static let httpRateLimitSeconds = Setting.number(
        "http.rate_limit_seconds", 60, in: 1...86_400, meaning: "The time of that limit; it comes back evenly.")

    static let httpProbeHost = Setting.text(
        "http.probe_host", "127.0.0.1", must: "an address or a host name",
        meaning: "Address of a second listener that answers /livez, /readyz and /metrics alone; needs HTTP_PROBE_PORT."
    ) { host in !host.isEmpty && !host.contains { $0.isWhitespace || $0 == "/" } }

    static let httpProbePort = Setting.optionalNumber(
        "http.probe_port", in: 0...65_535,
        meaning: "Port of that listener, which answers even when the first one is full; 0 chooses a free one.")

    static let httpMaxConnections = Setting.number(
        "http.max_connections", 1000, in: 10...100_000,
        meaning: "Connections at one time; a new one takes the place of the one that is idle for longest.")

    static let httpMaxConnectionsPerAddress = Setting.number(
        "http.max_connections_per_address", 500, in: 1...100_000,
        meaning: "The same for one IPv4 address or one IPv6 network of 64 bits; raise it behind a busy proxy.")

    static let httpTLSCertificateFile = Setting.optionalText(
        "http.tls_certificate_file", must: "the path of a file",
        meaning: "PEM file with the server's certificate and those up to its authority; with it the server speaks TLS."
    ) { path in !path.contains("\0") }

    static let httpTLSKeyFile = Setting.optionalText(
        "http.tls_key_file", must: "the path of a file",
        meaning: "PEM file with the private key of that certificate; both are read again when they change."
    ) { path in !path.contains("\0") }

    static let authTokensFile = Setting.optionalText(
        "auth.tokens_file", must: "the path of a file",
        meaning: "File with hashed tokens and their roles; without it only loopback is served.")

    static let auditEntries = Setting.number(
        "audit.entries", 10_000, in: 100...1_000_000,
        meaning: "How many entries each audit trail keeps, about; each queue has one.")

    static let redactPayload = Setting(
        "redact.payload", fallback: Redaction.none, shownAs: nil, must: Redaction.form,
        meaning: "Fields of payloads that only handlers see; all others see a digest."
    ) { text in
        guard let redaction = Redaction(text) else { throw InvalidValue() }
        return redaction
    }

    /// systemd lists several directories; the first is the service's own.
    static let stateDirectory = Setting<String?>(
        "state.directory", fallback: nil, shownAs: nil, must: "the path of a directory",
        meaning: "Where the server remembers how far each queue has come, to notice what Redis has lost."
    ) { text in
        guard !text.contains("\0") else { throw InvalidValue() }
        return text.split(separator: ":").first.map(String.init)
    }

    static let logLevel = Setting(
        "log.level", fallback: Logger.Level.info, shownAs: "info",
        must: "one of " + Logger.Level.allCases.map(\.rawValue).joined(separator: ", "),
        meaning: "Log entries below this level are not written."
    ) { text in
        guard let level = Logger.Level(rawValue: text.lowercased()) else { throw InvalidValue() }
        return level
    }

    static let logFormat = Setting<LogFormat?>(
        "log.format", fallback: nil, shownAs: nil, must: "text or json",
        meaning: "Form of log lines; text on a terminal and json elsewhere when it is not set."
    ) { text in
        if text.isEmpty { return nil }
        guard let format = LogFormat(rawValue: text.lowercased()) else { throw InvalidValue() }
        return format
    }

    static let workerQueues = Setting(
        "worker.queues", fallback: [QueueSlots("downloads", 10)], shownAs: "downloads=10",
        must: "queue=slots pairs such as downloads=10,mail=5, each queue once, slots from 1 to 1000",
        meaning: "Queues that a worker process serves, each with its number of slots."
    ) { text in try QueueSlots.list(text) }

    static let workerShutdownGrace = Setting.seconds(
        "worker.shutdown_grace_seconds", 25, in: 0...3600,
        meaning: "How long running jobs may continue after SIGTERM before they are released.")

    static let workerHTTPHost = Setting.text(
        "worker.http_host", "127.0.0.1", must: "an address or a host name",
        meaning: "Address on which a worker answers /livez, /readyz and /metrics; needs WORKER_HTTP_PORT."
    ) { host in !host.isEmpty && !host.contains { $0.isWhitespace || $0 == "/" } }

    static let workerHTTPPort = Setting.optionalNumber(
        "worker.http_port", in: 0...65_535,
        meaning: "Port on which a worker answers probes and shows its metrics; 0 takes a free one.")

    static let workerUnknownTypeLimit = Setting.seconds(
        "worker.unknown_type_limit_seconds", 0, in: 0...Int(NewJob.Limit.delaySeconds),
        meaning: "How long a job may wait for a worker with a handler for its type before it fails; 0 is unlimited.")

    static let downloadMaxConcurrent = Setting.number(
        "download.max_concurrent_downloads", 3, in: 1...10,
        meaning: "How many downloads run at once, over all workers; what the API sets later stays.")

    static let downloadDefaultMaxRetries = Setting.number(
        "download.default_max_retries", 3, in: 0...10,
        meaning: "Retries after the first attempt of a download, waiting 1 s, 2 s, 4 s and so on.")

    static let downloadDirectory = Setting.text(
        "download.directory", "./downloads", must: "the path of a directory",
        meaning: "Where downloads are stored; made when it doesn't exist."
    ) { path in !path.isEmpty && !path.contains("\0") }

    static let downloadSourceURL = Setting.optionalText(
        "download.source_url", must: "an http or https URL that contains {track_id}, without a user name and password",
        meaning: "Template that turns a track id into a URL; without it track ids are refused."
    ) { url in
        guard let scheme = ["https://", "http://"].first(where: url.hasPrefix) else { return false }
        let authority = url.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
        return !authority.contains("@") && url.contains("{track_id}")
    }

    static let downloadMaxBytes = Setting.size(
        "download.max_bytes", 10 << 30, shownAs: "10 GiB", meaning: "Size above which a download is refused.")

    static let downloadBytesPerSecond = Setting.number(
        "download.bytes_per_second", 0, in: 0...1_000_000_000_000,
        meaning: "Bytes a second for all downloads of one worker process together; 0 is without limit.")

    static let downloadMinBytesPerSecond = Setting.number(
        "download.min_bytes_per_second", 1024, in: 0...1_000_000_000,
        meaning: "Lowest average speed of an origin while it is waited for; 0 allows any.")

    static let downloadMinSpeedWindow = Setting.seconds(
        "download.min_speed_window_seconds", 30, in: 5...3600,
        meaning: "How long an origin may stay below the lowest speed before the attempt ends.")

    static let downloadDeadlineBytesPerSecond = Setting.number(
        "download.deadline_bytes_per_second", 16 << 10, in: 0...1_000_000_000,
        meaning: "Speed that sets an attempt's deadline: 10 minutes and what its bytes take; 0 sets none.")

    static let downloadMaxPerHost = Setting.number(
        "download.max_per_host", 2, in: 0...10,
        meaning: "Slots that one host keeps while downloads of other hosts wait; 0 sets no share.")

    static let downloadLease = Setting.seconds(
        "download.lease_seconds", 30, in: 5...900,
        meaning: "How long a worker holds a download without a heartbeat before another takes it.")

    static let downloadAllowPrivateAddresses = Setting.flag(
        "download.allow_private_addresses", false,
        meaning: "Whether downloads may come from private, loopback and link-local addresses.")

    /// All of them.
    static let all: [SettingKey] = [
        redisURL.key, redisPrefix.key, redisEnvironment.key, redisMemoryLimit.key, redisQueueLimit.key,
        httpHost.key, httpPort.key, httpSocket.key, httpSocketMode.key, httpPathPrefix.key, httpGzip.key,
        httpCORSOrigins.key,
        httpRateLimit.key, httpRateLimitSeconds.key,
        httpProbeHost.key, httpProbePort.key, httpMaxConnections.key, httpMaxConnectionsPerAddress.key,
        httpTLSCertificateFile.key, httpTLSKeyFile.key, authTokensFile.key, auditEntries.key, redactPayload.key,
        stateDirectory.key, logLevel.key, logFormat.key, workerQueues.key,
        workerShutdownGrace.key, workerUnknownTypeLimit.key, workerHTTPHost.key, workerHTTPPort.key,
        downloadMaxConcurrent.key, downloadDefaultMaxRetries.key,
        downloadDirectory.key, downloadSourceURL.key, downloadMaxBytes.key, downloadBytesPerSecond.key,
        downloadMinBytesPerSecond.key, downloadMinSpeedWindow.key, downloadDeadlineBytesPerSecond.key,
        downloadMaxPerHost.key, downloadLease.key, downloadAllowPrivateAddresses.key,
    ]

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: ".:_-".utf8.contains(byte)
        }
    }
}
