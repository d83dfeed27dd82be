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
    /// The address or name of the listener for probes.
    public var probeHost = "127.0.0.1"
    /// The port of the listener for probes; `nil` is without one, 0 takes a free one.
    public var probePort: Int?
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
    /// The bytes of all large bodies that are in memory at one time; the first 64 KiB of each body are not counted.
    public var bodyBudget = 64 << 20
    /// The items of one bulk request.
    public var batchLimit = NewJob.Limit.atomicJobs
    /// The bytes of a request's head.
    public var headLimit = 16 << 10
    /// The bytes of all large answers that clients have not read yet; answers below 16 KiB are not counted.
    public var answerBudget = 64 << 20
    /// How long a request's head may take, from its first byte; that of a connection's first request from the moment at
    /// which the connection was accepted.
    public var headDeadline = Duration.seconds(5)
    /// How long a request's body may take, from the end of its head.
    public var bodyDeadline = Duration.seconds(60)
    /// How long a client may take to read on when an answer waits for it.
    public var readingDeadline = Duration.seconds(60)
    /// How long a large answer may take to be read, however steadily that is done.
    public var answerDeadline = Duration.seconds(60)
    /// How long a connection may be idle.
    public var idleTimeout = Duration.seconds(60)
    /// The connections at one time; when there are as many, a new one takes the place of the one idle for longest.
    public var maxConnections = 1000
    /// The connections of one IPv4 address, or of one IPv6 network of 64 bits, at one time.
    public var maxConnectionsPerAddress = 500
    /// How long one check of `/readyz` may take.
    public var checkLimit = Duration.milliseconds(400)
    /// The longest `?wait=` of a request.
    public var longestWait = Duration.seconds(30)
    /// The requests of one caller that may wait at one time.
    public var maxWaitsPerCaller = 200
    /// The requests of all callers that may wait at one time.
    public var maxWaits = 500

    /// The defaults.
    public init() {}

    /// The same for the listener for probes; `nil` when there is none.
    var ofProbes: ServerSettings? {
        guard let probePort else { return nil }
        var copy = self
        copy.host = probeHost
        copy.port = probePort
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

    /// Throws when the address needs tokens and there are none.
    func check(tokens: TokenTable?) throws(ServerConfigurationError) {
        guard isLoopback || (tokens?.count ?? 0) > 0 else {
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
