// How a server listens and what it takes, with the defaults that users get.

import MartletQueue

/// A setting of the server that cannot work.
public struct ServerConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String
}

/// How a server listens and what it takes.
public struct ServerSettings: Sendable {
    /// The address or name to listen on.
    public var host = "127.0.0.1"
    /// The port; 0 takes a free one, which ``MartletServer`` reports once it listens.
    public var port = 8080
    /// The values that the concurrency of downloads may take.
    public var concurrencyRange = 1...10
    /// The concurrency that is shown for downloads while nobody has set one.
    public var defaultConcurrency = 3
    /// The retries of a download whose producer named none.
    public var defaultMaxRetries = JobRecord.defaultMaxRetries
    /// The bytes of a job's payload, at most 1 MiB.
    public var payloadLimit = 256 << 10
    /// The bytes of a body on ordinary routes.
    public var bodyLimit = 1 << 20
    /// The bytes of a body on bulk routes.
    public var bulkLimit = 16 << 20
    /// The items of one bulk request.
    public var batchLimit = NewJob.Limit.atomicJobs
    /// The bytes of a request's head.
    public var headLimit = 16 << 10
    /// How long a request's head may take, from its first byte.
    public var headDeadline = Duration.seconds(5)
    /// How long a request's body may take, from the end of its head.
    public var bodyDeadline = Duration.seconds(60)
    /// How long a client may take to read on when an answer waits for it.
    public var readingDeadline = Duration.seconds(60)
    /// How long a connection may be idle.
    public var idleTimeout = Duration.seconds(60)
    /// The connections at one time.
    public var maxConnections = 1000
    /// The longest `?wait=` of a request.
    public var longestWait = Duration.seconds(30)

    /// The defaults.
    public init() {}

    /// Whether only this machine can reach the host.
    var isLoopback: Bool {
        if host == "localhost" || host == "::1" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && parts[0] == 127 && !parts.contains(nil)
    }

    /// Throws when the address needs tokens and there are none.
    func check(tokens: TokenTable?) throws(ServerConfigurationError) {
        guard isLoopback || (tokens?.count ?? 0) > 0 else {
            throw ServerConfigurationError(
                description: """
                    HTTP_HOST is \(host), which others can reach, but there are no tokens: set AUTH_TOKENS_FILE to a \
                    file with at least one token, or listen on 127.0.0.1
                    """)
        }
        guard (0...65_535).contains(port) else {
            throw ServerConfigurationError(description: "HTTP_PORT is \(port); a port is a number from 0 to 65535")
        }
        guard concurrencyRange.contains(defaultConcurrency) else {
            throw ServerConfigurationError(
                description: "the concurrency of downloads is \(defaultConcurrency); it goes from "
                    + "\(concurrencyRange.lowerBound) to \(concurrencyRange.upperBound)")
        }
    }
}
