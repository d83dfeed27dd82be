// The Redis server's address, credentials and timeouts.

import FoundationEssentials

/// The address, credentials and timeouts of a Redis server.
///
/// ```swift
/// var configuration = try RedisConfiguration(url: "redis://127.0.0.1:6379/2")
/// configuration.commandTimeout = .seconds(1)
/// configuration.clientName = "reports"
/// ```
public struct RedisConfiguration: Sendable, Hashable {
    /// The address at which a server listens.
    enum Endpoint: Sendable, Hashable {
        case unixSocket(path: String)
        case tcp(host: String, port: Int, tls: Bool)
    }

    let endpoint: Endpoint
    private(set) var user: String?
    private(set) var password: Secret?
    /// The database number.
    public let database: Int

    /// How long a command may wait for a connection, and then again for its reply; 3 s by default.
    public var commandTimeout: Duration = .seconds(3)
    /// How long a command waits for a connection after an attempt has failed; `nil` means ``commandTimeout``.
    ///
    /// A server that answers people should report sooner that Redis is unavailable than a worker.
    public var offlineTimeout: Duration?
    /// The time limit for connecting, including TLS and authentication; 3 s by default.
    public var connectTimeout: Duration = .seconds(3)
    /// The delay before the first reconnect; 50 ms by default.
    ///
    /// It doubles with each failure, and half of it is random.
    public var reconnectBase: Duration = .milliseconds(50)
    /// The longest delay between two connection attempts; 5 s by default.
    public var reconnectCap: Duration = .seconds(5)
    /// The name in `CLIENT LIST`; spaces become hyphens.
    public var clientName: String? = "martlet"
    /// A file that holds the URL; user and password are read from it again when the server refuses them.
    ///
    /// So a password can change without a restart. Nothing else is taken from the file.
    public var urlFile: String?
    /// A PEM file with the trusted certificate authorities for `rediss://`; `nil` means the system's.
    public var tlsTrustRoots: String?
    /// The largest size of one reply in bytes; a larger one closes the connection.
    public var maximumReplyBytes = 512 * 1024 * 1024

    /// Whether functions are called by name; if not, they run as scripts, as on a server without functions.
    package var callsFunctions = true

    // Only this process's other connections need the id.
    package var asksForClientID = false
    var reportsMetrics = true

    /// Creates a configuration from a Redis URL.
    ///
    /// The forms are `redis[s]://[user:password@]host[:port][/db]` and `unix:///path[?db=N][&user=U][&password=P]`;
    /// `rediss` accepts `?ca=FILE` for ``tlsTrustRoots``. Reserved characters are percent-encoded. The default port is
    /// 6379.
    ///
    /// - Parameter url: the URL.
    /// - Throws: ``RedisError`` with the code `invalidURL`; its text never repeats the URL.
    public init(url: String) throws(RedisError) {
        let parsed = try RedisURL(url)
        endpoint = parsed.endpoint
        user = parsed.user
        password = parsed.password.map { Secret($0) }
        database = parsed.database
        tlsTrustRoots = parsed.trustRoots
    }

    /// The configuration with the credentials that the URL file holds now.
    ///
    /// Reads the file; `nil` when it cannot be read or holds nothing new.
    func withCredentialsOfFile() -> RedisConfiguration? {
        guard let urlFile, let line = try? SecretFile.line(at: urlFile), let parsed = try? RedisURL(line) else {
            return nil
        }
        var new = self
        new.user = parsed.user
        new.password = parsed.password.map { Secret($0) }
        return new == self ? nil : new
    }

    /// The server's address without credentials, for messages.
    var address: String {
        switch endpoint {
        case .unixSocket(let path): "unix://\(path)"
        case .tcp(let host, let port, let tls):
            "\(tls ? "rediss" : "redis")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
    }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
    /// The URL without the password.
    public var description: String {
        let who = user.map { " as \($0)" } ?? ""
        return "\(address) database \(database)\(who)\(password == nil ? "" : " with a password")"
    }

    /// The URL without the password.
    public var debugDescription: String { description }
}
