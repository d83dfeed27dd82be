// The scripts as a store sends them: one library of Redis functions, and each function as a standalone script.

import Crypto
import MartletJobs
package import MartletRedis

/// All scripts of a store.
package struct ScriptTable: Sendable {
    /// The scripts of this version.
    package static let shipped = ScriptTable { $0.source }

    /// The prefix of the names of Martlet's libraries; a digest of the source follows.
    package static let libraryPrefix = "martlet_"
    /// The number of digits of the digest.
    package static let digestLength = 12

    /// The library that defines the functions.
    package let library: RedisLibrary
    private let functions: [RedisFunction]

    /// Creates the scripts from the files; `source` returns the text of each, so that tests can replace one.
    ///
    /// The names of the library and its functions contain a digest of the source. Function names are unique across all
    /// libraries of a server, and several versions run at the same time during a deployment.
    package init(_ source: (ScriptFile) -> [UInt8]) {
        let files = LibraryFiles(source)
        let body = files.text(ScriptFile.allCases)
        let whole = Insecure.SHA1.hash(data: Self.librarySource(body, digest: ""))
        let digest = Hex.text(of: whole.prefix(Self.digestLength / 2))
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

    /// The function as a standalone script: the parts of the library that it needs, followed by the call.
    private static func script(_ script: QueueScript, _ files: LibraryFiles) -> RedisScript {
        let flags = script.flags.isEmpty ? "" : " flags=\(script.flags.joined(separator: ","))"
        let call = "return functions.\(script.name)(KEYS, ARGV)\n"
        let body = files.text(files.needed(by: script.file))
        return Self.script(script.name, Array("#!lua\(flags)\n".utf8) + body + Array(call.utf8))
    }

    /// Creates a script from its source.
    static func script(_ name: String, _ source: [UInt8]) -> RedisScript {
        RedisScript(name: name, source: source, sha1: Hex.text(of: Insecure.SHA1.hash(data: source)))
    }
}
