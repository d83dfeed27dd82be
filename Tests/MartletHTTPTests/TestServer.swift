// A server over a store of its own on a real socket, with a client that speaks JSON to it.

import AsyncHTTPClient
import Foundation
import HTTPTypes
import Logging
import MartletHTTP
import MartletJobs
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import TestSupport
import Testing

@testable import MartletQueue
@testable import MartletRedis

/// What the server said.
struct Answer {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]

    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:] }
    var text: String { String(decoding: body, as: UTF8.self) }
    subscript(_ key: String) -> String? { json[key] as? String }
    func int(_ key: String) -> Int? { (json[key] as? NSNumber)?.intValue }
    func bool(_ key: String) -> Bool? { json[key] as? Bool }
    func list(_ key: String) -> [[String: Any]] { json[key] as? [[String: Any]] ?? [] }
    func object(_ key: String) -> [String: Any] { json[key] as? [String: Any] ?? [:] }
    func strings(_ key: String) -> [String] { json[key] as? [String] ?? [] }
    /// Where the errors of a problem are: JSON pointers without the sign of a fragment, and `?name` for parameters.
    var pointers: [String] {
        list("errors").compactMap { error in
            if let parameter = error["parameter"] as? String { return "?" + parameter }
            guard let pointer = error["pointer"] as? String, pointer.hasPrefix("#") else { return nil }
            return String(pointer.dropFirst())
        }
    }
}

/// A server under test.
struct TestServer: Sendable {
    var port: Int
    /// The port of the listener for probes, where there is one.
    var probePort: Int?
    let harness: QueueHarness
    var token: String?

    init(port: Int, harness: QueueHarness) {
        self.port = port
        self.harness = harness
    }

    /// The same, asked through its listener for probes.
    var probes: TestServer? {
        guard let probePort else { return nil }
        var copy = self
        copy.port = probePort
        return copy
    }

    var store: JobStore { harness.store }
    var downloads: Queue { store.queue(.downloads) }
    /// How many commands of the server wait for the reply of Redis.
    var pendingCommands: Int { store.redis.core.writtenCount }

    func with(token: String?) -> TestServer {
        var copy = self
        copy.token = token
        return copy
    }

    /// Sends a request; a body is JSON unless another type is named.
    func send(
        _ method: HTTPMethod, _ path: String, _ body: String? = nil, type: String? = "application/json",
        headers: [(String, String)] = []
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body {
            if let type { request.headers.add(name: "content-type", value: type) }
            request.body = .bytes(Array(body.utf8))
        }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        let answer = Answer(status: Int(response.status.code), headers: response.headers, body: Array(buffer: bytes))
        // The listener for probes has a few of the routes, and no document; to read a large answer takes long here.
        let isLarge = bytes.readableBytes > 1 << 16
        let faults = port == probePort || isLarge ? [] : APIContract.standard.faults(method, path, answer)
        if !faults.isEmpty {
            Issue.record("\(method.rawValue) \(path) is not as the document says: \(faults.joined(separator: "; "))")
        }
        return answer
    }

    func get(_ path: String, headers: [(String, String)] = []) async throws -> Answer {
        try await send(.GET, path, headers: headers)
    }

    func post(_ path: String, _ body: String? = nil, headers: [(String, String)] = []) async throws -> Answer {
        try await send(.POST, path, body, headers: headers)
    }

    /// Adds a download and answers its id.
    func addDownload(_ more: String = "") async throws -> String {
        let answer = try await post("/api/downloads", #"{"url":"https://example.com/\#(UUID().uuidString)"\#(more)}"#)
        try #require(answer.status == 201, "\(answer.text)")
        return try #require(answer["id"])
    }

    /// Claims downloads, as a worker would.
    @discardableResult
    func claim(_ count: Int = 1, from queue: Queue? = nil) async throws -> [ClaimedJob] {
        try await harness.claim(count, from: queue ?? downloads, worker: "w\(UUID().uuidString)")
    }

    func settle(
        _ job: ClaimedJob, _ outcome: Settlement.Outcome, progress: JobProgress? = nil, in queue: Queue? = nil
    ) async throws {
        let settlement = Settlement(id: job.id, token: job.token, outcome: outcome, progress: progress)
        let reply = try await (queue ?? downloads).settle([settlement])
        #expect(reply.verdicts[0].isDone)
    }
}

/// The rules of downloads for these tests: they keep what was asked for, and refuse loopback.
let testCatalog = DownloadCatalog(
    type: "download",
    plan: { request throws(DownloadRefusal) in
        if request.url?.contains("127.0.0.1") ?? false {
            throw DownloadRefusal(field: "url", detail: "must not point to a private address")
        }
        if request.trackID == "00000000-0000-0000-0000-000000000000" {
            throw DownloadRefusal(field: "track_id", detail: "needs DOWNLOAD__SOURCE_URL")
        }
        let filename = request.filename ?? "file-\(request.id)"
        let words = [
            "url": request.url ?? "https://tracks.example/\(request.trackID ?? "")", "filename": filename,
            "track": request.trackID, "checksum": request.checksum, "conflict": request.onConflict?.rawValue,
        ]
        let payload = (try? JSONEncoder().encode(words.compactMapValues(\.self))).map { Array($0) } ?? []
        return DownloadPlan(
            payload: payload, filename: filename, source: request.url ?? "track:\(request.trackID ?? "")")
    }, numbered: { "\($0) (\($1))" },
    renamed: { payload, filename, conflict throws(DownloadRefusal) in
        if filename == ".." { throw DownloadRefusal(field: "filename", detail: "must be a plain name") }
        guard var words = try? JSONDecoder().decode([String: String].self, from: Data(payload)) else { return nil }
        words["filename"] = filename ?? words["filename"]
        words["conflict"] = conflict?.rawValue ?? words["conflict"]
        return (try? JSONEncoder().encode(words)).map { Array($0) }
    },
    facts: { payload, output in
        guard let words = try? JSONDecoder().decode([String: String].self, from: Data(payload)), let url = words["url"]
        else { return nil }
        return DownloadFacts(
            url: url, filename: words["filename"] ?? "", trackID: words["track"], checksum: words["checksum"],
            totalBytes: output.flatMap { Int(String(decoding: $0, as: UTF8.self)) })
    })

/// The timeout of commands where no reply is lost: on a busy machine one may take long.
let patience = Duration.seconds(30)

/// A redis-server of a test's own; on a busy machine it may take long to start.
func ownRedis(_ purpose: String, options: [String] = []) async throws -> PrivateRedisServer {
    try await PrivateRedisServer.start(directory: temporaryDirectory(purpose), options: options, within: .seconds(60))
}

/// Runs a test against a server of its own; ends with the audit of every queue.
func withServer(
    settings change: @Sendable (inout ServerSettings) -> Void = { _ in }, tokens: String? = nil,
    certificate: ServerCertificate? = nil,
    metrics: (@Sendable () async -> String)? = { "martlet_test 1\n" }, checks: [ReadinessCheck] = [],
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @concurrent @Sendable (TestServer) async throws -> Void
) async throws {
    try await withServer(
        url: try await SharedRedis.url(), commandTimeout: patience, settings: change, tokens: tokens,
        certificate: certificate, metrics: metrics, checks: checks, logger: logger, sourceLocation: sourceLocation,
        body)
}

/// The same with tokens that may change.
func withServer(
    tokenSource: TokenSource, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @concurrent @Sendable (TestServer) async throws -> Void
) async throws {
    try await withServer(
        url: try await SharedRedis.url(), commandTimeout: patience, tokenSource: tokenSource,
        sourceLocation: sourceLocation, body)
}

/// The same over a Redis of the test's own.
func withServer(
    url: String, commandTimeout: Duration? = nil,
    settings change: @Sendable (inout ServerSettings) -> Void = { _ in }, tokens: String? = nil,
    tokenSource: TokenSource? = nil, certificate: ServerCertificate? = nil,
    metrics: (@Sendable () async -> String)? = nil, checks: [ReadinessCheck] = [],
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: @concurrent @Sendable (TestServer) async throws -> Void
) async throws {
    var settings = ServerSettings()
    settings.port = 0
    // A machine that is busy with other tests is slow, but not out of order.
    settings.checkLimit = .seconds(30)
    settings.headDeadline = .seconds(60)
    settings.searchTime = .seconds(30)
    change(&settings)
    let final = settings
    let table = try tokens.map { TokenSource(try TokenTable($0)) } ?? tokenSource
    try await withStore(url: url, commandTimeout: commandTimeout, sourceLocation: sourceLocation) { harness in
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let (probePorts, announceProbes) = AsyncStream.makeStream(of: Int.self)
        let server = try MartletServer(
            store: harness.store, settings: final, certificate: certificate, tokens: table, downloads: testCatalog,
            metrics: metrics,
            checks: checks, logger: logger, onRunning: { announce.yield($0) },
            onProbesRunning: { announceProbes.yield($0) })
        let group = ServiceGroup(services: [server], logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            var running = TestServer(port: port, harness: harness)
            if final.probePort != nil {
                var iterator = probePorts.makeAsyncIterator()
                running.probePort = await iterator.next()
            }
            do {
                try await body(running)
            } catch {
                await group.triggerGracefulShutdown()
                tasks.cancelAll()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }
}

extension Queue {
    /// The state of a job in a test.
    func state(_ id: String) async throws -> JobState? { try await job(try #require(JobID(id)))?.state }
}
