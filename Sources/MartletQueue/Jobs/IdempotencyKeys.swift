// The records of idempotency keys: what a request asked for, and the prefix of its jobs' ids.

import Crypto
public import MartletJobs
import MartletRedis

/// What an idempotency key is bound to, from the view of one request.
///
/// ```swift
/// switch try await store.claim(key, for: digest) {
/// case .own(let base): try await push(base)
/// case .running: throw StillRunning()
/// case .ended: throw KeyUsedBefore()
/// }
/// ```
public enum IdempotencyClaim: Sendable, Hashable {
    /// To this request, whose jobs have ids that begin with the value.
    case own(JobID)
    /// To another request that still runs or whose outcome is not known yet.
    case running
    /// To another request that has finished.
    case ended
}

/// An idempotency key of one caller.
///
/// ```swift
/// let key = IdempotencyKey("order-4711", caller: "shop")
/// ```
public struct IdempotencyKey: Sendable, Hashable {
    /// How long a key is bound to its first request.
    public static let lifetime = Duration.seconds(86_400)
    /// How long a request counts as running without reporting its end.
    static let longestRun = Duration.seconds(60)

    /// Distinguishes the keys in Redis without revealing the caller's key.
    private let digest: String

    /// Creates a key; equal keys of different callers are distinct.
    ///
    /// - Parameters:
    ///   - key: the key as the caller sent it.
    ///   - caller: the caller's name.
    public init(_ key: String, caller: String) {
        let owned = "\(caller.utf8.count):\(caller):\(key)"
        digest = Hex.text(of: SHA256.hash(data: Array(owned.utf8)).prefix(20))
    }

    /// The Redis key of its record; each has its own slot.
    func redisKey(prefix: String) -> String { "\(prefix):{idempotency:\(digest)}" }
}

/// The stored record of a key's first request.
private struct IdempotencyRecord {
    var request: String
    var base: JobID
    var hasEnded = false

    var stored: String { "\(request) \(base) \(hasEnded ? "ended" : "running")" }

    init(request: String, base: JobID, hasEnded: Bool = false) {
        self.request = request
        self.base = base
        self.hasEnded = hasEnded
    }

    init?(stored text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 3, let base = JobID(words[1]), base.generatedAt != nil else { return nil }
        self.init(request: words[0], base: base, hasEnded: words[2] == "ended")
    }
}

extension JobStore {
    /// Binds a key to a request, or returns the existing binding.
    ///
    /// One round trip. Safe to repeat: the same request finds its own record.
    ///
    /// - Parameters:
    ///   - key: the caller's key.
    ///   - request: a digest of everything that the request asks for, without spaces.
    /// - Returns: what the key is bound to.
    /// - Throws: ``QueueError``.
    public func claim(_ key: IdempotencyKey, for request: String) async throws(QueueError) -> IdempotencyClaim {
        try memory.check([])
        let own = IdempotencyRecord(request: request, base: .generate())
        let name = key.redisKey(prefix: prefix)
        let lifetime = IdempotencyKey.lifetime.inMilliseconds
        let reply = try await command("SET", name, own.stored, "NX", "GET", "PX", String(lifetime))
        guard let text = reply.string else { return .own(own.base) }
        guard let first = IdempotencyRecord(stored: text) else { throw .broken("SET", reply) }
        if first.request == request { return .own(first.base) }
        if first.hasEnded { return .ended }
        // A process that died during its request never reports its end.
        let rest = try await command("PTTL", name).int ?? 0
        return lifetime - rest < IdempotencyKey.longestRun.inMilliseconds ? .running : .ended
    }

    /// Records that the request of a key has finished.
    ///
    /// One round trip. Without this, the request counts as running for up to a minute, so an error here is not one of
    /// the request.
    ///
    /// - Parameters:
    ///   - key: the caller's key.
    ///   - request: the digest that the key was claimed for.
    ///   - base: the id prefix from ``IdempotencyClaim/own(_:)``.
    /// - Throws: ``QueueError``.
    public func end(_ key: IdempotencyKey, of request: String, base: JobID) async throws(QueueError) {
        let record = IdempotencyRecord(request: request, base: base, hasEnded: true)
        _ = try await command("SET", key.redisKey(prefix: prefix), record.stored, "XX", "KEEPTTL")
    }
}
