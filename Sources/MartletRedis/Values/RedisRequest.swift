// Requests to Redis: a command, a function of a library, or a script by digest.

/// A Lua script, identified by its digest.
///
/// ```swift
/// let script = RedisScript(name: "echo", source: Array("return ARGV[1]".utf8), sha1: digest)
/// let request = RedisRequest.script(script, keys: RedisArguments(), arguments: RedisArguments("hello"))
/// ```
public struct RedisScript: Sendable, Hashable {
    /// A short name for messages, for instance `claim`.
    public let name: String
    /// The Lua source.
    public let source: [UInt8]
    /// The SHA-1 of ``source``: 40 lower-case hexadecimal digits.
    public let sha1: String

    /// Creates a script with a known digest.
    ///
    /// - Parameters:
    ///   - name: a short name for messages.
    ///   - source: the Lua source.
    ///   - sha1: the SHA-1 of `source` as 40 lower-case hexadecimal digits.
    public init(name: String, source: [UInt8], sha1: String) {
        self.name = name
        self.source = source
        self.sha1 = sha1
    }
}

/// A request with one reply.
///
/// ```swift
/// let request = RedisRequest.command("GET", "greeting")
/// ```
public enum RedisRequest: Sendable, Hashable {
    /// A command; the first argument is its name.
    case command(RedisArguments)
    /// A script, called by its digest.
    ///
    /// If the server does not have it, the source is sent once with the same keys and arguments.
    case script(RedisScript, keys: RedisArguments, arguments: RedisArguments)
    /// A function, called by its name.
    ///
    /// If the server does not know it, its library is loaded once; if that fails, the function's script runs instead.
    case function(RedisFunction, keys: RedisArguments, arguments: RedisArguments)

    /// Creates a command from words.
    ///
    /// - Parameter words: the name and the arguments, such as `"GET", key`.
    /// - Returns: the request.
    public static func command(_ words: String...) -> RedisRequest {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return .command(arguments)
    }
}
