// The scripts as a store sends them: composed of their files once, known to Redis by their digest.

import Crypto
import MartletRedis

/// All scripts of a store.
package struct ScriptTable: Sendable {
    /// The scripts of this version.
    package static let shipped = ScriptTable { $0.source }

    /// The one script that does not work on a queue: it has no prelude.
    let global: RedisScript
    private let scripts: [RedisScript]

    /// The scripts composed of what `source` says each file holds; those who try other texts bring their own.
    package init(_ source: (ScriptFile) -> [UInt8]) {
        scripts = QueueScript.allCases.map { script in
            // Prelude and parts come behind the first line, since `#!lua` and its flags must stand first.
            let body = source(script.file)
            let newline = UInt8(ascii: "\n")
            let end = body.firstIndex(of: newline) ?? body.endIndex
            let shared = script.parts.reduce(source(.prelude)) { $0 + source($1) }
            return Self.named(script.name, body[..<end] + [newline] + shared + body[end...])
        }
        global = Self.named(ScriptFile.global.rawValue, source(.global))
    }

    /// One of the queue's scripts.
    subscript(_ script: QueueScript) -> RedisScript { scripts[script.rawValue] }

    private static func named(_ name: String, _ source: [UInt8]) -> RedisScript {
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
