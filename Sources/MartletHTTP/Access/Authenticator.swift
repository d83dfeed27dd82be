// Authenticates requests: bearer tokens and session cookies, host names of servers without tokens, and browser origin checks.

import HTTPTypes
import Synchronization

/// Determines the caller of a request.
struct Authenticator: Sendable {
    /// The valid tokens; `nil` on a loopback address without authentication.
    private let tokens: TokenSource?
    private let failures = FailureCounter()

    init(tokens: TokenSource?) { self.tokens = tokens }

    /// Whether no token is required.
    var isOpen: Bool { tokens == nil }

    /// Refuses forged browser requests: cross-site requests, and DNS names that resolve to loopback.
    ///
    /// - Parameter isAllowed: whether pages of the request's origin may use the API.
    func checkOrigin(_ head: HTTPRequest, isAllowed: Bool = false) throws(HTTPProblem) {
        guard let authority = head.authority, !authority.isEmpty else {
            throw HTTPProblem(.missingHost, "a request must have exactly one Host field")
        }
        if tokens == nil, !Self.isLocal(Self.host(authority)) {
            throw HTTPProblem(
                .foreignHost,
                "a server without tokens answers only to localhost, 127.0.0.1 and [::1]")
        }
        guard head.method != .get, head.method != .head, !isAllowed else { return }
        guard Self.isOwnPage(head) else {
            throw HTTPProblem(.crossSite, "requests of other sites' pages are refused")
        }
    }

    /// Whether a request comes from a page of this server, or from no page.
    private static func isOwnPage(_ head: HTTPRequest) -> Bool {
        let site = head.headerFields.value(of: .fetchSite)
        let isOwn = site.map { $0 == "same-origin" || $0 == "none" } ?? true
        let origin = head.headerFields.value(of: .origin).map { $0.lowercased() }
        let own = head.authority?.lowercased() ?? ""
        return isOwn && origin.map { $0 == "http://" + own || $0 == "https://" + own } ?? true
    }

    /// The caller of a request; throws 401, or 429 after too many wrong tokens from one address.
    func caller(of head: HTTPRequest, from address: ClientAddress) throws(HTTPProblem) -> Caller {
        guard tokens != nil else { return .local }
        if let words = head.headerFields.value(of: .authorization)?.split(separator: " ", maxSplits: 1), !words.isEmpty
        {
            guard words.count == 2, words[0].lowercased() == "bearer" else { throw refusal(from: address) }
            return try caller(presenting: String(words[1].drop { $0 == " " }), from: address)
        }
        guard let token = SessionCookie.token(in: head.headerFields) else { throw .unauthorized }
        try checkPage(head)
        do throws(HTTPProblem) { return try caller(presenting: token, from: address) } catch {
            // The browser forgets a token that is not valid any more.
            throw error.with(.setCookie, SessionCookie.cleared)
        }
    }

    /// The caller that a token identifies; throws 401, or 429 after too many wrong tokens from one address.
    func caller(presenting token: String, from address: ClientAddress) throws(HTTPProblem) -> Caller {
        guard let tokens = tokens?.current else { return .local }
        if let caller = tokens.caller(presenting: token) { return caller }
        throw refusal(from: address)
    }

    /// Counts a wrong token: 401, or 429 after too many from one address.
    private func refusal(from address: ClientAddress) -> HTTPProblem {
        if failures.allowsAnother(from: address) { return .unauthorized }
        return HTTPProblem(.tooManyFailures, "too many wrong tokens from this address")
            .with(.retryAfter, "60")
    }

    /// Refuses a write by cookie that does not say which page sent it, as every current browser does, and one of another
    /// site's page, also where ``checkOrigin(_:isAllowed:)`` lets that page send a token.
    private func checkPage(_ head: HTTPRequest) throws(HTTPProblem) {
        guard head.method != .get, head.method != .head else { return }
        guard head.headerFields[.fetchSite] != nil || head.headerFields[.origin] != nil, Self.isOwnPage(head) else {
            throw HTTPProblem(
                .crossSite,
                "a write with a session cookie needs Sec-Fetch-Site or Origin of the server's own page; send a bearer "
                    + "token instead")
        }
    }

    /// The host of an authority, without its port.
    private static func host(_ authority: String) -> String {
        let authority = authority.lowercased()
        if authority.hasPrefix("[") {
            return String(Substring(authority.utf8.prefix { $0 != UInt8(ascii: "]") })) + "]"
        }
        return String(Substring(authority.utf8.prefix { $0 != UInt8(ascii: ":") }))
    }

    private static func isLocal(_ host: String) -> Bool {
        host == "localhost" || host == "127.0.0.1" || host == "[::1]"
    }
}

extension HTTPProblem {
    /// 401: no valid token.
    fileprivate static let unauthorized = HTTPProblem(
        .unauthorized, "a valid bearer token is needed"
    ).with(.wwwAuthenticate, "Bearer realm=\"martlet\"")
}

/// Counts wrong tokens per address: after ten in a minute, every answer is 429 until the minute has passed.
final class FailureCounter: Sendable {
    private struct Window {
        var start: ContinuousClock.Instant
        var count: Int
    }

    private let windows = Mutex<[ClientAddress: Window]>([:])

    func allowsAnother(from address: ClientAddress, now: ContinuousClock.Instant = .now) -> Bool {
        windows.withLock { windows in
            // An attacker with many addresses must not fill the memory.
            if windows.count >= 10_000 { windows = windows.filter { now - $0.value.start < .seconds(60) } }
            if windows.count >= 10_000 { windows.removeAll() }
            var window = windows[address] ?? Window(start: now, count: 0)
            if now - window.start >= .seconds(60) { window = Window(start: now, count: 0) }
            window.count += 1
            windows[address] = window
            return window.count <= 10
        }
    }
}
