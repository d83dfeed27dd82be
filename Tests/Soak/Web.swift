// Requests to the servers, and their outcome: an answer, or unknown.

import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// The outcome of a request.
enum Answer: Sendable {
    case status(Int, Data)
    /// The connection failed or timed out; the request may have been executed.
    case nothing
}

/// The HTTP client of the run.
struct Web: Sendable {
    private let http: HTTPClient

    init() {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(1)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.httpVersion = .http1Only
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Sends a request.
    func send(
        _ method: HTTPMethod, _ url: String, body: Data? = nil, key: String? = nil,
        within limit: TimeAmount = .seconds(6)
    ) async -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let key { request.headers.add(name: "idempotency-key", value: key) }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        do {
            let response = try await http.execute(request, timeout: limit)
            let bytes = try await response.body.collect(upTo: 8 << 20)
            return .status(Int(response.status.code), Data(bytes.readableBytesView))
        } catch { return .nothing }
    }

    func close() async { try? await http.shutdown() }
}

/// The answer about a job or an item of a bulk push.
struct JobAnswer: Decodable, Sendable {
    var id: String?
    var status: String?
    var state: String?
    var index: Int?
    var stop_requested: String?
}

/// The answer to a bulk push, also in a problem.
struct BulkAnswer: Decodable, Sendable {
    var results: [JobAnswer]?
}
