// The client of the HTTP API: one request, one response; every failure becomes a sentence with an exit code.

import AsyncHTTPClient
import MartletCommandSupport
import MartletJSON
import MartletJobs
import NIOCore
import NIOHTTP1
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A successful response.
struct APIAnswer: Sendable {
    var status: Int
    var value: JSONValue
}

/// A client of one server.
struct APIClient: Sendable {
    /// The server's URL as it was given, without a trailing slash: `http[s]://HOST:PORT` or `unix:///PATH`.
    let base: String
    /// What stands before the paths of requests.
    private let root: String
    /// The `Host` of requests where the URL has none.
    private let host: String?
    private let token: String?
    /// What the server's audit trail calls the program.
    private let program: String
    private let http: HTTPClient

    /// Calls `body` with a client and closes it afterwards.
    ///
    /// - Parameter authorities: the file of the certificate authorities to trust; `nil` for those of the system.
    static func with<Value: Sendable>(
        _ base: String, token: String?, authorities: String? = nil, as program: String = "cli",
        _ body: (APIClient) async throws -> Value
    ) async throws -> Value {
        var configuration = configuration
        if let authorities { configuration.tlsConfiguration?.trustRoots = .certificates(try certificates(authorities)) }
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(APIClient(base, token: token, program: program, http: http)))
        } catch {
            result = .failure(error)
        }
        try? await http.shutdown()
        return try result.get()
    }

    private init(_ base: String, token: String?, program: String, http: HTTPClient) {
        let socket = base.hasPrefix("unix://") ? base.dropFirst("unix://".count) : nil
        self.base = base
        self.token = token
        self.program = program
        self.http = http
        root = socket.map { "http+unix://" + Percent.encoded(String($0), keeping: Percent.isUnreserved) } ?? base
        host = socket == nil ? nil : "localhost"
    }

    private static func certificates(_ path: String) throws(CommandFailure) -> [NIOSSLCertificate] {
        guard let found = try? NIOSSLCertificate.fromPEMFile(path), !found.isEmpty else {
            throw CommandFailure(.usage, "cannot read a certificate in PEM form from \(path)")
        }
        return found
    }

    /// Short timeouts, no redirects, TLS 1.2 or later.
    static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        configuration.tlsConfiguration = tls
        configuration.timeout.connect = .seconds(3)
        // Otherwise a refused connection would be retried until the request's deadline.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        return configuration
    }

    /// Sends a request and returns the response; throws ``CommandFailure`` unless it is successful.
    func send(
        _ method: HTTPMethod, _ path: String, query: [(String, String?)] = [], body: JSONValue? = nil,
        key: String? = nil, timeout: TimeAmount = .seconds(60)
    ) async throws -> APIAnswer {
        var request = request(path, query)
        request.method = method
        request.headers.add(name: "accept", value: "application/json, application/problem+json")
        identify(&request)
        if let key { request.headers.add(name: "idempotency-key", value: key) }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        let (status, bytes) = try await exchange(request, timeout: timeout)
        if (200..<300).contains(status) {
            if bytes.isEmpty { return APIAnswer(status: status, value: .null) }
            guard let value = try? JSONValue(bytes) else {
                throw CommandFailure(.failed, "\(base) answered something that is not JSON; is it a Martlet server?")
            }
            return APIAnswer(status: status, value: value)
        }
        throw APIProblem(status: status, bytes: bytes).failure(server: base)
    }

    /// A GET of a path.
    func request(_ path: String, _ query: [(String, String?)]) -> HTTPClientRequest {
        HTTPClientRequest(url: root + path + Self.query(query))
    }

    /// Sends a GET.
    func get(_ path: String, query: [(String, String?)] = []) async throws -> JSONValue {
        try await send(.GET, path, query: query).value
    }

    /// Sends a POST.
    func post(
        _ path: String, query: [(String, String?)] = [], body: JSONValue? = nil, key: String? = nil
    ) async throws -> JSONValue {
        try await send(.POST, path, query: query, body: body, key: key).value
    }

    /// Reads a list page by page, up to `limit` items; `onPage` is told of each page.
    func list(
        _ path: String, items name: String, query: [(String, String?)], cursor: String?, limit: Int,
        onPage: (JSONValue) -> Void = { _ in }
    ) async throws -> (items: [JSONValue], cursor: String?) {
        var items: [JSONValue] = []
        var cursor = cursor
        repeat {
            let size = min(200, limit - items.count)
            let page = try await get(path, query: query + [("limit", String(size)), ("cursor", cursor)])
            onPage(page)
            items += page[name].array ?? []
            cursor = page["next_cursor"].string
        } while cursor != nil && items.count < limit
        return (items, cursor)
    }

    /// Adds the user agent and the token.
    private func identify(_ request: inout HTTPClientRequest) {
        if let host { request.headers.add(name: "host", value: host) }
        request.headers.add(name: "user-agent", value: "martlet/\(Version.current) (\(program))")
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
    }

    /// Sends a GET whose response has no end of its own; waits for its head alone.
    func open(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        var request = request
        identify(&request)
        let identified = request
        return try await explained(.GET) { try await http.execute(identified, deadline: .distantFuture) }
    }

    private func exchange(_ request: HTTPClientRequest, timeout: TimeAmount) async throws -> (Int, [UInt8]) {
        try await explained(request.method) {
            let response = try await http.execute(request, timeout: timeout)
            let body = try await response.body.collect(upTo: InputFile.limit)
            return (Int(response.status.code), Array(body.readableBytesView))
        }
    }

    /// Runs an exchange with the server, and says why it failed if it does.
    private func explained<Value>(_ method: HTTPMethod, _ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch let error as CancellationError {
            throw error
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout {
            throw CommandFailure(.unavailable, "\(base) did not answer in time" + Self.doubt(method))
        } catch is NIOTooManyBytesError {
            throw CommandFailure(.failed, "\(base) sent more than \(InputFile.limit >> 20) MiB; request less")
        } catch let error where Self.isLost(error) {
            let reason = "\(base) closed the connection without a response"
            throw CommandFailure(.unavailable, reason + Self.doubt(method))
        } catch let error as HTTPClientError where Self.isUsage(error) {
            throw CommandFailure(.usage, "\(base) is not the URL of a server: use http://HOST:PORT or unix:///PATH")
        } catch let error where Self.isAboutTrust(error) {
            throw CommandFailure(
                .unavailable,
                """
                no secure connection to \(base): its certificate is not trusted here, is out of date or is for another \
                name, or it does not speak TLS
                """)
        } catch {
            throw CommandFailure(
                .unavailable,
                """
                no server at \(base). Start one with "martlet serve" (or everything with "martlet dev"), \
                or name another with --server or MARTLET_SERVER
                """)
        }
    }

    /// The warning for a request without a response; empty for reads.
    private static func doubt(_ method: HTTPMethod) -> String {
        method == .GET ? "" : ". \(APIProblem.inDoubt)"
    }

    /// Whether the server may have received the request although no response came.
    private static func isLost(_ error: any Error) -> Bool {
        if let error = error as? HTTPClientError { return error == .remoteConnectionClosed }
        guard let error = error as? IOError else { return false }
        return error.errnoCode == ECONNRESET || error.errnoCode == EPIPE
    }

    /// Whether TLS failed.
    private static func isAboutTrust(_ error: any Error) -> Bool {
        (error as? HTTPClientError) == .tlsHandshakeTimeout || error is NIOSSLError || error is BoringSSLError
            || error is NIOSSLExtraError
    }

    private static func isUsage(_ error: HTTPClientError) -> Bool {
        error == .invalidURL || error == .emptyHost || error == .emptyScheme
            || error.description.contains("unsupportedScheme")
    }

    /// A query of the pairs that have a value.
    static func query(_ pairs: [(String, String?)]) -> String {
        let parts = pairs.compactMap { name, value in value.map { "\(escaped(name))=\(escaped($0))" } }
        return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    }

    /// A percent-encoded part of a path or query.
    static func escaped(_ text: String) -> String { Percent.encoded(text, keeping: Percent.isUnreserved) }
}
