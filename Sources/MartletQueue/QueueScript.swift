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

    private static let enqueueScript = composed("enqueue", PackageResources.enqueue_lua)
    private static let claimScript = composed("claim", PackageResources.claim_lua)
    private static let settleScript = composed("settle", PackageResources.settle_lua)
    private static let beatScript = composed("beat", PackageResources.beat_lua)
    private static let sweepScript = composed("sweep", PackageResources.sweep_lua)
    private static let controlScript = composed("control", PackageResources.control_lua)
    private static let configureScript = composed("configure", PackageResources.configure_lua)
    private static let readScript = composed("read", PackageResources.read_lua)
    private static let auditScript = composed("audit", PackageResources.audit_lua)

    /// The one script that does not work on a queue: it has no prelude.
    static let global = named("global", PackageResources.global_lua)

    /// A script with the prelude behind its first line, since `#!lua` and its flags must stand first.
    static func composed(_ name: String, _ body: [UInt8], prelude: [UInt8] = PackageResources.prelude_lua)
        -> RedisScript
    {
        let newline = UInt8(ascii: "\n")
        let end = body.firstIndex(of: newline) ?? body.endIndex
        return named(name, body[..<end] + [newline] + prelude + body[end...])
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
