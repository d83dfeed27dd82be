// Functions of Redis: a library of them, and one function with the script that does the same where there are none.

/// The source of a library of Redis functions.
public final class RedisLibrary: Sendable {
    /// The library's name, as its first line gives it.
    public let name: String
    /// The source, as `FUNCTION LOAD` takes it.
    public let source: [UInt8]

    /// A library.
    ///
    /// - Parameters:
    ///   - name: the name in the first line of `source`.
    ///   - source: the Lua source, beginning with `#!lua name=`.
    public init(name: String, source: [UInt8]) {
        self.name = name
        self.source = source
    }
}

/// A function of a library, and the same as a script.
///
/// The client calls the function, and loads its library where the server does not know it. A server that has no functions,
/// or takes no library just now, gets the script.
public final class RedisFunction: Sendable {
    /// The function's name in Redis; it is unique over all libraries of a server.
    public let name: String
    /// The library that defines it.
    public let library: RedisLibrary
    /// The script that does the same.
    public let script: RedisScript

    /// How a call begins on the wire: `FCALL` and the name, as RESP bulk strings.
    let head: [UInt8]

    /// A function.
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
    /// Whether both are the same function with the same source.
    public static func == (left: RedisFunction, right: RedisFunction) -> Bool {
        left.name == right.name && left.script == right.script
    }

    /// Adds the function's name.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
