// Redis functions: a library, and a function with the equivalent script for servers without functions.

/// The source of a library of Redis functions.
///
/// ```swift
/// let code = "redis.register_function('greet', function(_, args) return 'Hello, ' .. args[1] end)"
/// let library = RedisLibrary(name: "greetings", source: Array("#!lua name=greetings\n\(code)".utf8))
/// ```
public final class RedisLibrary: Sendable {
    /// The library's name, as in the first line of the source.
    public let name: String
    /// The source for `FUNCTION LOAD`.
    public let source: [UInt8]

    /// Creates a library.
    ///
    /// - Parameters:
    ///   - name: the name in the first line of `source`.
    ///   - source: the Lua source, beginning with `#!lua name=`.
    public init(name: String, source: [UInt8]) {
        self.name = name
        self.source = source
    }
}

/// A function of a library, with an equivalent script.
///
/// The client calls the function and loads the library if the server does not have it. A server without functions, or
/// one that currently refuses to load a library, receives the script instead.
///
/// ```swift
/// let function = RedisFunction(name: "greet", library: library, script: script)
/// let arguments = RedisArguments("Ada")
/// let reply = try await client.send(.function(function, keys: RedisArguments(), arguments: arguments))
/// ```
public final class RedisFunction: Sendable {
    /// The function's name in Redis; unique across all libraries of a server.
    public let name: String
    /// The library that defines the function.
    public let library: RedisLibrary
    /// The equivalent script.
    public let script: RedisScript

    /// The start of a call on the wire: `FCALL` and the name, as RESP bulk strings.
    let head: [UInt8]

    /// Creates a function.
    ///
    /// - Parameters:
    ///   - name: its name in Redis.
    ///   - library: the library that defines it.
    ///   - script: the script that does the same with the same keys and arguments.
    public init(name: String, library: RedisLibrary, script: RedisScript) {
        self.name = name
        self.library = library
        self.script = script
        head = Array("$5\r\nFCALL\r\n$\(name.utf8.count)\r\n\(name)\r\n".utf8)
    }
}

extension RedisFunction: Hashable {
    /// Compares two functions.
    ///
    /// - Parameters:
    ///   - left: a function.
    ///   - right: another function.
    /// - Returns: whether both have the same name and the same script.
    public static func == (left: RedisFunction, right: RedisFunction) -> Bool {
        left.name == right.name && left.script == right.script
    }

    /// Hashes the function's name.
    ///
    /// - Parameter hasher: the hasher.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
