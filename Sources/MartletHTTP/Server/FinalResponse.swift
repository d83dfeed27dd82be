// The responses sent before a connection is closed, when there is no request for a handler.

import MartletJSON
import NIOCore
import NIOHTTP1

/// A response after which the connection is closed.
struct FinalResponse: Sendable {
    var status: HTTPResponseStatus
    var code: String
    var detail: String
    var retryAfter: Int?

    static let tooSlow = FinalResponse(
        status: .requestTimeout, code: "too-slow", detail: "the request's head did not come in time")
    static let headTooLarge = FinalResponse(
        status: .requestHeaderFieldsTooLarge, code: "head-too-large", detail: "the request's head is too large")
    static let malformed = FinalResponse(
        status: .badRequest, code: "malformed-http", detail: "this is not a request that HTTP/1.1 allows")
    static let hostMissing = FinalResponse(
        status: .badRequest, code: "missing-host", detail: "a request must have exactly one Host field")
    static let addressIsFull = FinalResponse(
        status: .tooManyRequests, code: "too-many-connections",
        detail: "this address has too many connections, and a request is under way on each", retryAfter: 1)
    static let serverIsFull = FinalResponse(
        status: .serviceUnavailable, code: "server-full",
        detail: "the server has too many connections, and a request is under way on each", retryAfter: 1)

    /// The head and the body.
    func parts(_ allocator: ByteBufferAllocator) -> (head: HTTPResponseHead, body: ByteBuffer) {
        let json = JSONOutput.object([
            "type": "urn:martlet:problem:\(code)", "title": .string(status.reasonPhrase),
            "status": .int(Int(status.code)), "detail": .string(detail), "code": .string(code),
        ])
        let body = allocator.buffer(bytes: json.bytes)
        var head = HTTPResponseHead(version: .http1_1, status: status)
        head.headers = [
            "content-type": "application/problem+json", "content-length": "\(body.readableBytes)",
            "cache-control": "no-store", "connection": "close",
        ]
        if let retryAfter { head.headers.add(name: "retry-after", value: "\(retryAfter)") }
        return (head, body)
    }
}
