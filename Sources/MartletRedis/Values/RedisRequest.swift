// What can be sent to Redis: a command, or a script by its digest.

/// A Lua script that Redis runs, known by its digest.
public struct RedisScript: Sendable, Hashable {
    /// A short name for people, for instance `claim`.
    public let name: String
    /// The source, as Redis is to see it.
    public let source: [UInt8]
    /// The SHA-1 of ``source``: 40 lower-case hexadecimal digits.
    public let sha1: String

    /// A script whose digest the caller has computed.
    ///
    /// - Parameters:
    ///   - name: a short name for people.
    ///   - source: the Lua source.
    ///   - sha1: the SHA-1 of `source` in 40 lower-case hexadecimal digits.
    public init(name: String, source: [UInt8], sha1: String) {
        self.name = name
        self.source = source
        self.sha1 = sha1
    }
}

/// One request to Redis; it has one reply.
public enum RedisRequest: Sendable, Hashable {
    /// A command; the first argument is its name.
    case command(RedisArguments)
    /// A script, called by its digest. A server that does not know the digest gets the source with the same keys and
    /// arguments, once.
    case script(RedisScript, keys: RedisArguments, arguments: RedisArguments)

    /// A command of plain words, such as `.command("GET", key)`.
    public static func command(_ words: String...) -> RedisRequest {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return .command(arguments)
    }
}
