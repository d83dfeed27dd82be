// Which pages of other sites may use the API (CORS).

import HTTPTypes

/// The origins whose pages may use the API from a browser; none by default.
///
/// Credentials of a browser are never allowed, so such a page sends a token of its own.
struct CrossOrigin: Sendable {
    /// The header fields that a page may send, beside those that are always allowed.
    private static let requestFields = """
        Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Request-ID, traceparent, tracestate
        """
    /// The header fields that a page may read, beside those that are always allowed.
    private static let responseFields = "ETag, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
    /// How long a browser may keep an answer about a path, in seconds.
    private static let lifetime = "600"

    private let origins: Set<String>
    private let allowsAll: Bool

    /// Creates the rules; `*` allows all origins.
    init(_ origins: [String]) {
        self.origins = Set(origins)
        allowsAll = origins.contains("*")
    }

    /// What a response says of the request's origin; `nil` when its page may not use the API, or it comes from no page.
    func allowed(_ request: HTTPRequest) -> String? {
        guard !origins.isEmpty, let origin = request.headerFields[.origin] else { return nil }
        if allowsAll { return "*" }
        return origins.contains(origin.lowercased()) ? origin : nil
    }

    /// Adds what a browser needs to give a response to an allowed page.
    func add(_ allowed: String?, to headers: inout HTTPFields) {
        guard !origins.isEmpty else { return }
        // The answer to a page that may not differs too.
        if !allowsAll { headers.vary(by: "Origin") }
        guard let allowed else { return }
        headers[.accessControlAllowOrigin] = allowed
        headers[.accessControlExposeHeaders] = Self.responseFields
    }

    /// The answer to the question of a browser whether it may send a request; `nil` when it is no such question.
    func answer(_ request: HTTPRequest, methods: String) -> Reply? {
        guard allowed(request) != nil, request.headerFields[.accessControlRequestMethod] != nil else { return nil }
        return Reply([], type: "", status: .noContent).with(.allow, methods)
            .with(.accessControlAllowMethods, methods).with(.accessControlAllowHeaders, Self.requestFields)
            .with(.accessControlMaxAge, Self.lifetime)
    }

    /// Whether a text is an origin: scheme, host and at will a port, in lower case; or `*`.
    static func isOrigin(_ text: String) -> Bool {
        if text == "*" { return true }
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return false }
        let host = text.utf8.dropFirst(scheme.utf8.count)
        return !host.isEmpty
            && host.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || ".-_:[]".utf8.contains(byte)
            }
    }
}
