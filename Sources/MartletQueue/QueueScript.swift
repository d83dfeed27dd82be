// The scripts: one file each, put behind the shared prelude when the process starts, known to Redis by their digest.

import Crypto
import MartletRedis

/// One of the queue's scripts.
enum QueueScript: String, CaseIterable, Sendable {
    case enqueue, claim, settle, beat, sweep, control, configure, read, audit

    /// The script as Redis gets it.
    var script: RedisScript {
        switch self {
        case .enqueue: Self.enqueueScript
        case .claim: Self.claimScript
        case .settle: Self.settleScript
        case .beat: Self.beatScript
        case .sweep: Self.sweepScript
        case .control: Self.controlScript
        case .configure: Self.configureScript
        case .read: Self.readScript
        case .audit: Self.auditScript
        }
    }

    private static let enqueueScript = composed("enqueue", PackageResources.enqueue_lua, [.due, .wake, .locate])
    private static let claimScript = composed(
        "claim", PackageResources.claim_lua, [.due, .wake, .changes, .finish, .promote])
    private static let settleScript = composed(
        "settle", PackageResources.settle_lua, [.due, .wake, .locate, .changes, .finish])
    private static let beatScript = composed("beat", PackageResources.beat_lua, [.changes])
    private static let sweepScript = composed(
        "sweep", PackageResources.sweep_lua, [.due, .wake, .changes, .finish, .promote])
    private static let controlScript = composed(
        "control", PackageResources.control_lua, [.due, .wake, .locate, .changes, .finish])
    private static let configureScript = composed("configure", PackageResources.configure_lua, [.due, .wake])
    private static let readScript = composed("read", PackageResources.read_lua, [.due, .locate])
    private static let auditScript = composed("audit", PackageResources.audit_lua, [.locate])

    /// The one script that does not work on a queue: it has no prelude.
    static let global = named("global", PackageResources.global_lua)

    /// What several scripts share beyond the prelude.
    ///
    /// A script gets only the parts that it uses: each function costs every call some 40 ns, since a call makes all anew.
    enum Part: Sendable {
        case due, wake, locate, changes, finish, promote

        var source: [UInt8] {
            switch self {
            case .due: PackageResources.part_due_lua
            case .wake: PackageResources.part_wake_lua
            case .locate: PackageResources.part_locate_lua
            case .changes: PackageResources.part_changes_lua
            case .finish: PackageResources.part_finish_lua
            case .promote: PackageResources.part_promote_lua
            }
        }
    }

    /// A script with the prelude and its parts behind its first line, since `#!lua` and its flags must stand first.
    private static func composed(_ name: String, _ body: [UInt8], _ parts: [Part]) -> RedisScript {
        let newline = UInt8(ascii: "\n")
        let end = body.firstIndex(of: newline) ?? body.endIndex
        let shared = parts.reduce(PackageResources.prelude_lua) { $0 + $1.source }
        return named(name, body[..<end] + [newline] + shared + body[end...])
    }

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
