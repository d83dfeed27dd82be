// Where Redis is, who we are there, and how patient we are.

import FoundationEssentials

/// How to reach a Redis server.
public struct RedisConfiguration: Sendable, Hashable {
    /// The place where a server listens.
    enum Endpoint: Sendable, Hashable {
        case unixSocket(path: String)
        case tcp(host: String, port: Int, tls: Bool)
    }

    let endpoint: Endpoint
    private(set) var user: String?
    private(set) var password: Secret?
    /// The number of the database.
    public let database: Int

    /// How long a command may wait for a connection, and then again for its reply.
    public var commandTimeout: Duration = .seconds(3)
    /// How long a command waits for a connection once an attempt to make one has failed; `nil` is ``commandTimeout``.
    ///
    /// A server that answers people says sooner that Redis is unavailable; a worker has nobody to tell.
    public var offlinePatience: Duration?
    /// How long making a connection may take, with TLS and authentication.
    public var connectTimeout: Duration = .seconds(3)
    /// The pause before the first reconnect; it doubles with each failure, and half of it is random.
    public var reconnectBase: Duration = .milliseconds(50)
    /// The longest pause between two attempts to connect.
    public var reconnectCap: Duration = .seconds(5)
    /// The name that `CLIENT LIST` shows for our connections; spaces become hyphens.
    public var clientName: String? = "martlet"
    /// A file that holds the URL: when the server refuses the user or the password, they are read from there again.
    ///
    /// So a password is changed without a restart. Nothing else of the URL is taken from it.
    public var urlFile: String?
    /// A PEM file with the certificate authorities to trust for `rediss://`; `nil` means those of the system.
    public var tlsTrustRoots: String?
    /// The most bytes that one reply may have; a longer one closes the connection.
    public var maximumReplyBytes = 512 * 1024 * 1024

    // What only our own other connections need.
    var asksForClientID = false
    var reportsMetrics = true

    /// Reads a Redis URL.
    ///
    /// `redis[s]://[user:password@]host[:port][/db]` or `unix:///path[?db=N][&user=U][&password=P]`; `rediss` takes
    /// `?ca=FILE` for ``tlsTrustRoots``. Reserved characters are percent-encoded. Without a port it is 6379.
    ///
    /// - Throws: ``RedisError`` with the code `invalidURL`; its text never repeats the URL.
    public init(url: String) throws(RedisError) {
        let parsed = try RedisURL(url)
        endpoint = parsed.endpoint
        user = parsed.user
        password = parsed.password.map { Secret($0) }
        database = parsed.database
        tlsTrustRoots = parsed.trustRoots
    }

    /// The same with the user and the password that the URL's file holds now.
    ///
    /// Reads the file; `nil` when there is none that can be read, or when it holds nothing new.
    func withCredentialsOfFile() -> RedisConfiguration? {
        guard let urlFile, let line = try? SecretFile.line(at: urlFile), let parsed = try? RedisURL(line) else {
            return nil
        }
        var new = self
        new.user = parsed.user
        new.password = parsed.password.map { Secret($0) }
        return new == self ? nil : new
    }

    /// The server's address without user and password, for messages.
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
