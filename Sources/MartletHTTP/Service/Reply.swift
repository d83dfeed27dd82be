// What a handler answers, before it becomes an HTTP response, and the fields of heads that we read and write.

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

extension HTTPResponse.Status {
    /// Never sent: what the log says of a request whose client has gone.
    static let clientGone = HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
}

extension HTTPFields {
    /// The value of a field, those of several joined as RFC 9110 says; the way of a request's few fields, without lists in
    /// between.
    func value(of name: HTTPField.Name) -> String? {
        var value: String?
        for field in self where field.name == name { value = value.map { "\($0), \(field.value)" } ?? field.value }
        return value
    }
}

/// An answer.
struct Reply: Sendable {
    var status: HTTPResponse.Status
    var contentType: String
    var bytes: [UInt8]
    var headers: HTTPFields = [:]

    /// A JSON answer.
    init(_ json: JSONOutput, status: HTTPResponse.Status = .ok) {
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
        // To set a field of many is dearer than to begin with one.
        if copy.headers.isEmpty { copy.headers = [name: value] } else { copy.headers[name] = value }
        return copy
    }
}
