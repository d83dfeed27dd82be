// Requests that a client's owner sends first on every new connection.

/// The first requests on a new connection, possibly to another server than before.
package struct InitialRequests: Sendable {
    package let requests: [RedisRequest]
    package let take: @Sendable ([RedisValue]) -> Void

    /// Creates the first requests.
    ///
    /// - Parameters:
    ///   - requests: sent in this order. The connection is used even if the server refuses them.
    ///   - take: receives all replies or none, on the connection's thread, before other requests are sent. It must be
    ///     quick.
    package init(_ requests: [RedisRequest], take: @escaping @Sendable ([RedisValue]) -> Void) {
        self.requests = requests
        self.take = take
    }
}
