// Reads request bodies within their limits and by their types; buffers nothing that will be refused.

import HTTPTypes
import Hummingbird
import HummingbirdCore
import MartletJSON
import NIOCore

/// Reads request bodies.
struct RequestBodyReader: Sendable {
    let settings: ServerSettings

    /// The body by the route's rule; its memory is taken from `share`.
    func read(_ request: Request, rule: BodyRule, share: inout BodyShare) async throws -> Call.Body {
        guard rule.shape != nil else { return .none }
        // An empty optional body needs no valid type.
        if rule.isOptional, Self.isMissing(request.headers) { return .none }
        let limit = rule.isBulk ? settings.bulkLimit : settings.bodyLimit
        let isLines = try kind(request.headers, rule: rule)
        let bytes = try await collect(request, limit: limit, share: &share)
        if rule.isOptional, bytes.isEmpty { return .none }
        if isLines == true { return .lines(bytes) }
        guard isLines == false else { throw Self.wrongType("application/json") }
        do { return .json(try JSONText(bytes)) } catch { throw HTTPProblem.malformed(error) }
    }

    /// Whether the type is JSON lines (true) or one JSON value (false); `nil` without a type.
    private func kind(_ headers: HTTPFields, rule: BodyRule) throws(HTTPProblem) -> Bool? {
        if let encoding = headers.value(of: .contentEncoding), encoding.lowercased() != "identity" {
            throw HTTPProblem(
                .encodedBody, "bodies are not accepted compressed; send it as it is")
        }
        guard let type = headers.value(of: .contentType) else { return nil }
        if type == "application/json" { return false }
        let media = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        if media == "application/json" || (media.hasPrefix("application/") && media.hasSuffix("+json")) { return false }
        let isLines = media == "application/x-ndjson" || media == "application/jsonl" || media == "application/ndjson"
        guard isLines, rule.lineShape != nil else {
            throw Self.wrongType(
                rule.lineShape != nil ? "application/json or application/x-ndjson" : "application/json")
        }
        return true
    }

    private static func isMissing(_ headers: HTTPFields) -> Bool {
        headers.value(of: .transferEncoding) == nil && headers.value(of: .contentLength).map { $0 == "0" } ?? true
    }

    private static func wrongType(_ wanted: String) -> HTTPProblem {
        HTTPProblem(.wrongType, "the body must be sent as \(wanted)")
    }

    private func collect(_ request: Request, limit: Int, share: inout BodyShare) async throws -> [UInt8] {
        let announced = request.headers.value(of: .contentLength).flatMap { Int($0) } ?? 0
        guard announced <= limit else { throw Self.tooLarge(limit) }
        var bytes: [UInt8] = []
        // Memory is allocated for received bytes, not for announced ones.
        bytes.reserveCapacity(min(announced, BodyShare.free))
        for try await buffer in request.body {
            let size = bytes.count + buffer.readableBytes
            guard size <= limit else { throw Self.tooLarge(limit) }
            guard share.grow(to: size) else { throw Self.noRoom }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    // The rest of the body is not read, so the connection cannot be reused.
    private static func tooLarge(_ limit: Int) -> HTTPProblem {
        HTTPProblem.tooLarge("the body has more than \(limit) bytes", limit: limit).with(.connection, "close")
    }

    private static var noRoom: HTTPProblem {
        HTTPProblem(.bodiesFull, "the server holds too many large bodies; send it again later")
            .with("outcome", "not-executed").with(.retryAfter, "1").with(.connection, "close")
    }
}
