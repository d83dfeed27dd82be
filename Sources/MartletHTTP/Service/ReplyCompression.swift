// Compresses large answers for clients that accept gzip.

import HTTPTypes
import MartletGzip
import Synchronization

/// Decides which answers are compressed, and keeps those that stay the same.
///
/// Only answers to reads are compressed. Those to writes may hold secrets, such as the tokens of claims, beside what others
/// chose, and the length of a compressed answer tells something about both.
final class ReplyCompression: Sendable {
    /// A shorter answer fits into one packet anyway.
    static let leastBytes = 1024
    /// Clients take an answer that gets more than 25 times as long for an attack (AsyncHTTPClient by default).
    private static let largestRatio = 20
    /// A longer one is not compressed on an event loop.
    private static let largeBytes = 64 << 10
    /// The most answers that are kept.
    private static let keptLimit = 64

    private let isOn: Bool
    private let kept = Mutex<[String: [UInt8]]>([:])

    init(isOn: Bool) { self.isOn = isOn }

    /// Whether ``applied(to:_:)`` may change an answer.
    func concerns(_ reply: Reply, _ method: HTTPRequest.Method) -> Bool {
        isOn && (method == .get || method == .head) && reply.stream == nil
            && (reply.status == .notModified || reply.bytes.count >= Self.leastBytes)
    }

    /// The answer as the client accepts it.
    func applied(to reply: Reply, _ request: HTTPRequest) async -> Reply {
        guard Self.isText(reply.contentType) else { return reply }
        var reply = reply
        reply.headers.vary(by: "Accept-Encoding")
        guard reply.status != .notModified, let accepted = request.headerFields.value(of: .acceptEncoding),
            Self.accepts(accepted)
        else { return reply }
        // The response to a `HEAD` tells neither length nor encoding: clients look for a body where there is an encoding.
        guard request.method != .head else {
            reply.stream = EmptySource()
            return reply
        }
        guard let bytes = await compressed(reply) else { return reply }
        reply.bytes = bytes
        reply.headers[.contentEncoding] = "gzip"
        // The same content in other bytes: a strong tag would promise the same bytes.
        if let tag = reply.headers[.eTag], !tag.hasPrefix("W/") { reply.headers[.eTag] = "W/\(tag)" }
        return reply
    }

    private func compressed(_ reply: Reply) async -> [UInt8]? {
        // What clients may keep is the same for all and stays the same, so it is compressed once.
        if let tag = reply.headers[.eTag], reply.cacheControl != "no-store" { return once(reply.bytes, tag) }
        guard reply.bytes.count > Self.largeBytes else { return Self.packed(reply.bytes, .fast) }
        return await withTaskExecutorPreference(globalConcurrentExecutor) {
            await Self.detached(reply.bytes)
        }
    }

    @concurrent private static func detached(_ bytes: [UInt8]) async -> [UInt8]? { packed(bytes, .fast) }

    private static func packed(_ bytes: [UInt8], _ effort: Gzip.Effort) -> [UInt8]? {
        Gzip.compressed(bytes, effort).flatMap { $0.count * largestRatio < bytes.count ? nil : $0 }
    }

    private func once(_ bytes: [UInt8], _ tag: String) -> [UInt8]? {
        if let made = kept.withLock({ $0[tag] }) { return made.isEmpty ? nil : made }
        let made = Self.packed(bytes, .best)
        kept.withLock { kept in
            if kept.count >= Self.keptLimit { kept.removeAll() }
            kept[tag] = made ?? []
        }
        return made
    }

    /// Whether a type is text; pictures and fonts are compressed already.
    private static func isText(_ type: String) -> Bool {
        type.hasPrefix("text/") || type.contains("json") || type.contains("javascript") || type.contains("yaml")
            || type.contains("svg")
    }

    /// Whether a client that sent this `Accept-Encoding` takes gzip (RFC 9110, section 12.5.3).
    static func accepts(_ field: String) -> Bool {
        var any: Bool?
        for part in field.lowercased().split(separator: ",") {
            let words = part.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            let weight = words.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            switch words.first {
            case "gzip", "x-gzip": return weight > 0
            case "*": any = weight > 0
            default: continue
            }
        }
        return any ?? false
    }
}
