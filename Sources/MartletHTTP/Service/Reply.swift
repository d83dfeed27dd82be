// What a handler answers, before it becomes an HTTP response.

import HTTPTypes

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
