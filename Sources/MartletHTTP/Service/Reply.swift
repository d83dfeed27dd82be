// What a handler answers, before it becomes an HTTP response.

import HTTPTypes

extension HTTPField.Name {
    // Made once: a name is checked letter by letter.
    static let requestID = known("X-Request-ID")
    static let idempotencyKey = known("Idempotency-Key")
    static let fetchSite = known("Sec-Fetch-Site")

    /// A name whose letters are all allowed.
    private static func known(_ name: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name(name.description) else { preconditionFailure("\(name) is no header's name") }
        return name
    }
}

/// An answer.
struct Reply: Sendable {
    var status: HTTPResponse.Status
    var contentType: String
    var bytes: [UInt8]
    var headers: HTTPFields = [:]

    /// A JSON answer.
    init(_ json: JSON, status: HTTPResponse.Status = .ok) {
        self.status = status
        contentType = "application/json"
        bytes = json.bytes
    }

    /// An answer of another type.
    init(_ bytes: [UInt8], type: String, status: HTTPResponse.Status = .ok) {
        self.status = status
        contentType = type
        self.bytes = bytes
    }

    /// The same answer with another header.
    func with(_ name: HTTPField.Name, _ value: String) -> Reply {
        var copy = self
        copy.headers[name] = value
        return copy
    }
}
