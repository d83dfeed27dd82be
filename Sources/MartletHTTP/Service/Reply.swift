// Handlers' responses before they become HTTP responses, and the header fields in use.

import HTTPTypes
import MartletJSON

extension HTTPFields {
    /// Says that the response depends on this header field of the request, too.
    mutating func vary(by name: String) { self[.vary] = self[.vary].map { "\($0), \(name)" } ?? name }
}

extension HTTPField.Name {
    // Created once: a name is validated letter by letter.
    static let requestID = known("X-Request-ID")
    static let idempotencyKey = known("Idempotency-Key")
    static let traceparent = known("traceparent")
    static let tracestate = known("tracestate")
    static let fetchSite = known("Sec-Fetch-Site")
    static let lastEventID = known("Last-Event-ID")
    static let accelBuffering = known("X-Accel-Buffering")
    static let rateLimit = known("RateLimit")
    static let rateLimitPolicy = known("RateLimit-Policy")
    static let referrerPolicy = known("Referrer-Policy")
    static let resourcePolicy = known("Cross-Origin-Resource-Policy")

    /// A name that is known to be valid.
    private static func known(_ name: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name(name.description) else { preconditionFailure("\(name) is no header's name") }
        return name
    }
}

extension HTTPResponse.Status {
    /// Never sent: logged for a request whose client has gone.
    static let clientGone = HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
}

extension HTTPFields {
    /// The value of a field, several joined as RFC 9110 says, without intermediate arrays.
    func value(of name: HTTPField.Name) -> String? {
        var value: String?
        for field in self where field.name == name { value = value.map { "\($0), \(field.value)" } ?? field.value }
        return value
    }
}

/// A response.
struct Reply: Sendable {
    var status: HTTPResponse.Status
    var contentType: String
    var bytes: [UInt8]
    /// Who may keep it, and how long.
    var cacheControl = "no-store"
    /// What sends the body piece by piece instead of ``bytes``.
    var stream: (any ReplySource)?
    var headers: HTTPFields = [:]

    /// A JSON response.
    init(_ json: JSONOutput, status: HTTPResponse.Status = .ok) {
        self.status = status
        contentType = "application/json"
        bytes = json.bytes
    }

    /// A response of another type.
    init(_ bytes: [UInt8], type: String, status: HTTPResponse.Status = .ok) {
        self.status = status
        contentType = type
        self.bytes = bytes
    }

    /// A response whose body goes on for as long as its source does; a response to `HEAD` needs none.
    init(streaming source: (any ReplySource)?, type: String) {
        status = .ok
        contentType = type
        bytes = []
        stream = source ?? EmptySource()
    }

    /// The same response with another header.
    func with(_ name: HTTPField.Name, _ value: String) -> Reply {
        var copy = self
        // Setting a field is slower than starting with one.
        if copy.headers.isEmpty { copy.headers = [name: value] } else { copy.headers[name] = value }
        return copy
    }
}
