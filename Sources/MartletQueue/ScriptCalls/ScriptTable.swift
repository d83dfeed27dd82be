// The scripts as a store sends them: one library of Redis functions, and each function as a script of the same source.

import Crypto
package import MartletRedis

/// All scripts of a store.
package struct ScriptTable: Sendable {
    /// The scripts of this version.
    package static let shipped = ScriptTable { $0.source }

    /// How the names of all our libraries begin; the digest of the source follows.
    package static let libraryPrefix = "martlet_"
    /// How many digits of the digest there are.
    package static let digestLength = 12

    /// The library that defines the functions.
    package let library: RedisLibrary
    private let functions: [RedisFunction]

    /// The scripts made of what `source` says each file holds; those who try other texts bring their own.
    ///
    /// The library's name and those of its functions carry the digest of its source: names of functions are unique over
    /// all libraries of a server, and several versions are at work while a deployment is replaced.
    package init(_ source: (ScriptFile) -> [UInt8]) {
        let files = LibraryFiles(source)
        let body = files.text(ScriptFile.allCases)
        let whole = Insecure.SHA1.hash(data: Self.librarySource(body, digest: ""))
        let digest = hex(whole.prefix(Self.digestLength / 2))
        let library = RedisLibrary(
            name: Self.libraryPrefix + digest, source: Self.librarySource(body, digest: digest))
        self.library = library
        functions = QueueScript.allCases.map { script in
            RedisFunction(
                name: Self.functionName(script, digest), library: library, script: Self.script(script, files))
        }
    }

    /// One of the scripts.
    package subscript(_ script: QueueScript) -> RedisFunction { functions[script.rawValue] }

    private static func functionName(_ script: QueueScript, _ digest: String) -> String {
        "\(libraryPrefix)\(digest)_\(script.name)"
    }

    // MARK: Source

    private static func librarySource(_ body: [UInt8], digest: String) -> [UInt8] {
        var text = Array("#!lua name=\(libraryPrefix)\(digest)\n".utf8) + body
        for script in QueueScript.allCases {
            let flags = script.flags.map { "'\($0)'" }.joined(separator: ", ")
            let line =
                "redis.register_function{ function_name = '\(functionName(script, digest))', "
                + "callback = functions.\(script.name), flags = { \(flags) } }\n"
            text += Array(line.utf8)
        }
        return text
    }

    /// The same function as a script: what the function needs of the library, and behind it the call.
    private static func script(_ script: QueueScript, _ files: LibraryFiles) -> RedisScript {
        let flags = script.flags.isEmpty ? "" : " flags=\(script.flags.joined(separator: ","))"
        let call = "return functions.\(script.name)(KEYS, ARGV)\n"
        let body = files.text(files.needed(by: script.file))
        return Self.script(script.name, Array("#!lua\(flags)\n".utf8) + body + Array(call.utf8))
    }

    /// A script of this source.
    static func script(_ name: String, _ source: [UInt8]) -> RedisScript {
        RedisScript(name: name, source: source, sha1: hex(Insecure.SHA1.hash(data: source)))
    }
}

/// Bytes as lower-case hexadecimal digits.
package func hex(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
