// The scripts as a store sends them: composed of their files once, known to Redis by their digest.

import Crypto
import MartletRedis

/// All scripts of a store.
package struct ScriptTable: Sendable {
    /// The scripts of this version.
    package static let shipped = ScriptTable { $0.source }

    /// The scripts that do not work on a queue: they have no prelude.
    let global, register: RedisScript
    private let scripts: [RedisScript]

    /// The scripts composed of what `source` says each file holds; those who try other texts bring their own.
    package init(_ source: (ScriptFile) -> [UInt8]) {
        scripts = QueueScript.allCases.map { Self.script($0.name, Self.expanded(source($0.file), source)) }
        global = Self.script(ScriptFile.global.rawValue, source(.global))
        register = Self.script(ScriptFile.register.rawValue, source(.register))
    }

    /// One of the queue's scripts.
    subscript(_ script: QueueScript) -> RedisScript { scripts[script.rawValue] }

    /// A script with its parts: a line `--@ names prelude …` stands for these files, one behind the other.
    private static func expanded(_ body: [UInt8], _ source: (ScriptFile) -> [UInt8]) -> [UInt8] {
        let newline = UInt8(ascii: "\n")
        var text: [UInt8] = []
        for line in body.split(separator: newline, omittingEmptySubsequences: false) {
            let words = line.split(separator: UInt8(ascii: " "))
            guard words.first.map(Array.init) == Array("--@".utf8) else {
                text += line + [newline]
                continue
            }
            for word in words.dropFirst() {
                guard let file = ScriptFile(rawValue: String(decoding: word, as: UTF8.self)) else {
                    preconditionFailure("a script names a part that is none")
                }
                text += source(file)
            }
        }
        return text
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
