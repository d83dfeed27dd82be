// The settings of a server, with defaults.

package import MartletQueue

/// An invalid combination of server settings.
public struct ServerConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String
}

/// Addresses, limits and timeouts of a server.
public struct ServerSettings: Sendable {
    /// The address or host name to listen on.
    public var host = "127.0.0.1"
    /// The port; 0 chooses a free one, which ``MartletServer`` reports when it listens.
    public var port = 8080
    /// The path under which a proxy shows the server, such as `/martlet`; empty without one.
    public var pathPrefix = ""
    /// Whether large answers are compressed for clients that accept it.
    public var compressesAnswers = true
    /// The origins whose pages may use the API from a browser, such as `https://example.org`; `*` stands for all.
    public var corsOrigins: [String] = []
    /// The most requests of one token in ``requestWindow``; `nil` for no limit.
    public var requestQuota: Int?
    /// How long it takes until a used quota is whole again, in whole seconds.
    public var requestWindow = Duration.seconds(60)
    /// The path of a Unix socket to listen on instead of host and port.
    public var socketPath: String?
    /// The permissions of that socket; to connect needs the right to write.
    public var socketMode = 0o600
    /// The address or host name of the probe listener.
    public var probeHost = "127.0.0.1"
    /// The port of the probe listener; `nil` for none, 0 chooses a free one.
    public var probePort: Int?
    /// The allowed concurrency of downloads.
    public var concurrencyRange = 1...10
    /// The concurrency of downloads that is shown until one is set.
    public var defaultConcurrency = 3
    /// The default number of retries of a download.
    public var defaultMaxRetries = JobRecord.defaultMaxRetries
    /// The largest payload in bytes, at most 1 MiB.
    public var payloadLimit = 256 << 10
    /// The largest body on ordinary routes in bytes.
    public var bodyLimit = 1 << 20
    /// The largest body on bulk routes in bytes.
    public var bulkLimit = 16 << 20
    /// The most bytes of large bodies in memory; the first 64 KiB of each body are not counted.
    public var bodyBudget = 64 << 20
    /// The most items of a bulk request.
    public var batchLimit = NewJob.Limit.atomicJobs
    /// The largest request head in bytes.
    public var headLimit = 16 << 10
    /// The most bytes of large unread responses; responses below 16 KiB are not counted.
    public var answerBudget = 64 << 20
    /// The time limit of a request head, from its first byte; for a connection's first request, from its acceptance.
    public var headDeadline = Duration.seconds(5)
    /// The time limit of a request body, from the end of its head.
    public var bodyDeadline = Duration.seconds(60)
    /// How long a client may pause reading a response.
    public var readingDeadline = Duration.seconds(60)
    /// The time limit for reading a large response, however steadily it is read.
    public var answerDeadline = Duration.seconds(60)
    /// How long a client may take to send a request or to read on while the server is shutting down.
    public var shutdownDeadline = Duration.seconds(3)
    /// How long a connection may be idle.
    public var idleTimeout = Duration.seconds(60)
    /// The most connections; at the limit, a new one replaces the one that has been idle longest.
    public var maxConnections = 1000
    /// The most connections of one IPv4 address or IPv6 /64 network.
    public var maxConnectionsPerAddress = 500
    /// The time limit of one `/readyz` check.
    public var checkLimit = Duration.milliseconds(400)
    /// The longest `?wait=` of a request.
    public var longestWait = Duration.seconds(30)
    /// How many jobs one call of a search looks at, about.
    public var searchLimit = ScanBudget.records
    /// How long one call of a search looks, about.
    public var searchTime = ScanBudget.time
    /// The most concurrent waits of one caller.
    public var maxWaitsPerCaller = 200
    /// The most concurrent waits of all callers.
    public var maxWaits = 500
    /// The most streams of one caller.
    public var maxStreamsPerCaller = 300
    /// The most streams of all callers.
    public var maxStreams = 500
    /// How long after its last piece a stream says that it is still there.
    public var streamPause = Duration.seconds(15)
    /// How long a client may take to read the rest of a stream while the server is shutting down.
    public var streamEnd = Duration.milliseconds(500)

    /// The fields of payloads that are shown as digests.
    package var redaction = Redaction.none
    /// How many entries each audit trail keeps, about.
    public var auditEntries = 10_000

    /// The version of the program, for display.
    public var version = "0"

    /// Creates the default settings.
    public init() {}

    /// The settings of the probe listener; `nil` when there is none.
    var ofProbes: ServerSettings? {
        guard let probePort else { return nil }
        var copy = self
        copy.host = probeHost
        copy.port = probePort
        copy.socketPath = nil
        copy.maxConnections = 100
        copy.maxConnectionsPerAddress = 100
        return copy
    }

    /// Whether only this machine can reach the host.
    var isLoopback: Bool {
        if host == "localhost" || host == "::1" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && parts[0] == 127 && !parts.contains(nil)
    }

    /// Throws when the address requires tokens and there are none.
    func check(tokens: TokenTable?) throws(ServerConfigurationError) {
        guard isLoopback || socketPath != nil || (tokens?.count ?? 0) > 0 else {
            throw ServerConfigurationError(
                description: """
                    HTTP_HOST is \(host), which others can reach, but there are no tokens: set AUTH_TOKENS_FILE to a \
                    file with at least one token, or listen on 127.0.0.1
                    """)
        }
        for (name, port) in [("HTTP_PORT", port), ("HTTP_PROBE_PORT", probePort ?? 0)] {
            guard (0...65_535).contains(port) else {
                throw ServerConfigurationError(description: "\(name) is \(port); a port is a number from 0 to 65535")
            }
        }
        if let wrong = corsOrigins.first(where: { !CrossOrigin.isOrigin($0) }) {
            throw ServerConfigurationError(
                description: "HTTP_CORS_ORIGINS has \(wrong); an origin is http[s]://host[:port] in lower case")
        }
        // Any page that somebody on this machine opens would be an administrator.
        guard !corsOrigins.contains("*") || (tokens?.count ?? 0) > 0 else {
            throw ServerConfigurationError(
                description:
                    "HTTP_CORS_ORIGINS is *, but there are no tokens: set AUTH_TOKENS_FILE, or name the origins")
        }
        guard pathPrefix.isEmpty || PathPrefix.isValid(pathPrefix) else {
            throw ServerConfigurationError(
                description: """
                    HTTP_PATH_PREFIX is \(pathPrefix); it begins with a slash, ends with none, has letters, digits and \
                    . _ ~ - in its segments, and its first segment is not that of a route such as /api
                    """)
        }
        if let socketPath {
            // The system's limit, with the zero byte at the end.
            guard socketPath.hasPrefix("/"), (2...103).contains(socketPath.utf8.count) else {
                throw ServerConfigurationError(
                    description: "HTTP_SOCKET is \(socketPath); it is an absolute path of at most 103 bytes")
            }
        }
        guard requestQuota ?? 1 > 0, requestWindow >= .seconds(1) else {
            throw ServerConfigurationError(description: "a limit of requests is at least 1 in a second or longer")
        }
        guard maxConnections > 0, maxConnectionsPerAddress > 0 else {
            throw ServerConfigurationError(description: "a server takes at least one connection")
        }
        guard concurrencyRange.contains(defaultConcurrency) else {
            throw ServerConfigurationError(
                description: "the concurrency of downloads is \(defaultConcurrency); it goes from "
                    + "\(concurrencyRange.lowerBound) to \(concurrencyRange.upperBound)")
        }
    }
}
