// The responses sent before a connection is closed, when there is no request for a handler.

import HTTPTypes
import MartletJSON
import NIOCore
import NIOHTTP1

/// A response after which the connection is closed.
struct FinalResponse: Sendable {
    var code: ProblemCode
    var detail: String
    var retryAfter: Int?

    static let tooSlow = FinalResponse(
        code: .tooSlow, detail: "the request's head did not come in time")
    static let headTooLarge = FinalResponse(
        code: .headTooLarge, detail: "the request's head is too large")
    static let malformed = FinalResponse(
        code: .malformedHTTP, detail: "this is not a request that HTTP/1.1 allows")
    static let hostMissing = FinalResponse(
        code: .missingHost, detail: "a request must have exactly one Host field")
    static let needsTLS = FinalResponse(
        code: .needsTLS, detail: "this port speaks TLS; use an address that begins with https://")
    static let addressIsFull = FinalResponse(
        code: .tooManyConnections,
        detail: "this address has too many connections, and a request is under way on each", retryAfter: 1)
    static let serverIsFull = FinalResponse(
        code: .serverFull,
        detail: "the server has too many connections, and a request is under way on each", retryAfter: 1)

    /// The head and the body.
    ///
    /// - Parameter prefix: what stands before the paths of all routes.
    func parts(_ allocator: ByteBufferAllocator, prefix: String) -> (head: HTTPResponseHead, body: ByteBuffer) {
        let status = code.status
        let json = JSONOutput.object([
            "type": .string(prefix + code.page), "title": .string(status.reasonPhrase),
            "status": .int(status.code), "detail": .string(detail), "code": .string(code.rawValue),
        ])
        let body = allocator.buffer(bytes: json.bytes)
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status.code))
        head.headers = [
            "content-type": "application/problem+json", "content-length": "\(body.readableBytes)",
            "cache-control": "no-store", "connection": "close",
        ]
        if let retryAfter { head.headers.add(name: "retry-after", value: "\(retryAfter)") }
        return (head, body)
    }
}
