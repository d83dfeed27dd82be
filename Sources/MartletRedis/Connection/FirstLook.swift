// What a client's owner asks on each fresh connection before anything else is sent on it.

/// One look at a server that has just been reached, maybe again, maybe another one.
package struct FirstLook: Sendable {
    package let requests: [RedisRequest]
    package let take: @Sendable ([RedisValue]) -> Void

    /// A look that asks these.
    ///
    /// - Parameters:
    ///   - requests: what is asked, in this order. A server that refuses any of it can be used all the same.
    ///   - take: gets the replies on the connection's thread, all of them or none, before anything that waits for the
    ///     connection is sent. It must be quick.
    package init(_ requests: [RedisRequest], take: @escaping @Sendable ([RedisValue]) -> Void) {
        self.requests = requests
        self.take = take
    }
}
