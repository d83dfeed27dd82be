// Responses that are sent piece by piece: their form, their readers and their ends.

import FoundationEssentials
import HTTPTypes
import Logging
import MartletQueue
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import MartletHTTP

/// A source whose pieces a test makes.
private final class TestSource: ReplySource {
    private let pieces: AsyncStream<[UInt8]>
    private let continuation: AsyncStream<[UInt8]>.Continuation
    private let hasStopped = Mutex(false)

    init() { (pieces, continuation) = AsyncStream.makeStream() }

    func send(_ piece: String) { continuation.yield(Array(piece.utf8)) }
    func finish() { continuation.finish() }

    var isStopped: Bool { hasStopped.withLock { $0 } }
    var wasOverrun: Bool { false }

    func stop() {
        hasStopped.withLock { $0 = true }
        continuation.finish()
    }

    func next() async -> [UInt8]? {
        if isStopped { return nil }
        var iterator = pieces.makeAsyncIterator()
        let piece = await iterator.next()
        return isStopped ? nil : piece
    }
}

/// The sources of the streams that a test's server began.
private final class Sources: Sendable {
    private let state = Mutex<[TestSource]>([])

    var all: [TestSource] { state.withLock { $0 } }

    func add() -> TestSource {
        let source = TestSource()
        state.withLock { $0.append(source) }
        return source
    }
}

private struct StreamServer: Sendable {
    var port: Int
    let sources: Sources
    let connections: ConnectionTable
    let shutDown: @Sendable () async -> Void

    static let request = "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"

    /// A connection on which a stream has begun.
    func connected(reads: Bool = true) async throws -> (HeldConnection, TestSource) {
        let before = sources.all.count
        var connection = try await requested(reads)
        try await eventually("the stream begins") {
            if sources.all.count > before { return true }
            // On a busy machine a connection may be idle for too long before its request comes.
            if !connection.isOpen { connection = try await requested(reads) }
            return false
        }
        return (connection, sources.all[before])
    }

    private func requested(_ reads: Bool) async throws -> HeldConnection {
        let connection = try await HeldConnection(port: port, reads: reads)
        try? await connection.send(Self.request)
        return connection
    }
}

/// Runs a test against a server with one route, a stream.
private func withStreamServer(
    settings change: (inout ServerSettings) -> Void = { _ in }, logger: Logger = noLogger,
    _ body: @concurrent @Sendable (StreamServer) async throws -> Void
) async throws {
    var settings = ServerSettings()
    settings.port = 0
    settings.headDeadline = .seconds(60)
    change(&settings)
    let final = settings
    try await withStore { harness in
        let sources = Sources()
        let route = Route(.get, "/stream", nil, about: .events) { _, call in
            Reply(streaming: call.isHead ? nil : sources.add(), type: "text/event-stream")
        }
        let connections = ConnectionTable(final, listener: "test")
        let authenticator = Authenticator(tokens: nil)
        let api = API(
            store: harness.store, settings: final, authenticator: authenticator, downloads: testCatalog, metrics: nil,
            checks: [], findings: { [] }, logger: noLogger)
        let gateway = APIResponder(
            api: api, authenticator: authenticator, routes: [route] + Route.probes,
            connections: connections, logger: logger)
        let listener = HTTPListener(settings: final, connections: connections, gateway: gateway, logger: logger)
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let group = ServiceGroup(
            services: [ListenerService(listener: listener) { announce.yield($0) }], logger: noLogger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            let shutDown: @Sendable () async -> Void = { await group.triggerGracefulShutdown() }
            let server = StreamServer(port: port, sources: sources, connections: connections, shutDown: shutDown)
            let result: Result<Void, any Error>
            do { result = .success(try await body(server)) } catch { result = .failure(error) }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            try result.get()
        }
    }
}

private struct ListenerService: Service {
    let listener: HTTPListener
    let onRunning: @Sendable (Int) async -> Void

    func run() async throws { try await listener.run(onRunning: onRunning) }
}

@Suite struct StreamTests {
    /// Many of these are more than the buffers of the sockets and of the server hold.
    private static let large = String(repeating: "x", count: 64 << 10)

    @Test func `pieces arrive one by one, and the connection is good for more when the source has ended`() async throws
    {
        let lines = LogLines(.info)
        try await withStreamServer(logger: lines.logger) { server in
            let (connection, source) = try await server.connected()
            for piece in ["one", "two", "three"] {
                source.send(piece)
                try await eventually("\(piece) has come") {
                    connection.received.hasSuffix("\(String(piece.utf8.count, radix: 16))\r\n\(piece)\r\n")
                }
            }
            let head = connection.received
            #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(head.lowercased().contains("transfer-encoding: chunked") && head.contains("text/event-stream"))
            #expect(!head.lowercased().contains("content-length"))
            #expect(!lines.all.contains { $0.contains("route=/stream") }, "it is not logged before it has ended")
            source.finish()
            try await eventually("it has ended") { connection.received.hasSuffix("\r\n0\r\n\r\n") }
            try await connection.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually("the next request is answered") { connection.received.hasSuffix("}") }
        }
        let line = try #require(lines.all.first { $0.contains("route=/stream") })
        #expect(line.contains("status=200") && line.contains("bytes=11") && line.contains("end=finished"), "\(line)")
    }

    @Test func `HEAD tells the head of a stream and no byte of a body`() async throws {
        try await withStreamServer { server in
            let connection = try await HeldConnection(port: server.port)
            let next = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            try await connection.send(StreamServer.request.replacing("GET", with: "HEAD") + next)
            try await eventually("both are answered") { connection.received.hasSuffix("}") }
            let parts = connection.received.components(separatedBy: "\r\n\r\n")
            #expect(parts.count == 3 && parts[0].contains("text/event-stream"), "\(parts)")
            #expect(parts[1].hasPrefix("HTTP/1.1 200 OK"), "the second answer stands directly behind the first head")
            #expect(server.sources.all.isEmpty)
        }
    }

    @Test func `HTTP 1.0 gets the pieces without chunks, and the end of the connection for their end`() async throws {
        try await withStreamServer { server in
            let connection = try await HeldConnection(port: server.port)
            try await connection.send("GET /stream HTTP/1.0\r\n\r\n")
            try await eventually("the stream begins") { !server.sources.all.isEmpty }
            server.sources.all[0].send("piece")
            try await eventually("it has come") { connection.received.hasSuffix("\r\n\r\npiece") }
            server.sources.all[0].finish()
            try await eventually("the server closes") { !connection.isOpen }
        }
    }

    @Test(arguments: [true, false])
    func `a client that goes ends its stream and takes nothing with it`(halfOnly: Bool) async throws {
        let lines = LogLines(.info)
        try await withStreamServer(logger: lines.logger) { server in
            let (gone, source) = try await server.connected()
            let (other, othersSource) = try await server.connected()
            if halfOnly { try await gone.stopSending() } else { try await gone.close() }
            try await eventually("its source is stopped") { source.isStopped }
            othersSource.send("still here")
            try await eventually("the other goes on") { other.received.contains("still here") }
            #expect(!othersSource.isStopped)
            try await eventually("it is logged") {
                lines.all.contains { $0.contains("route=/stream") && $0.contains("end=client-gone") }
            }
        }
    }

    @Test func `unread bytes of a slow reader are limited, and released when its connection ends`() async throws {
        try await withStreamServer { server in
            let (stalled, source) = try await server.connected(reads: false)
            for _ in 0..<400 { source.send(Self.large) }
            try await eventually("what waits is counted") { server.connections.unreadBytes > 0 }
            #expect(server.connections.unreadBytes < 1 << 20, "and it is little of what there is to send")
            try await stalled.close()
            try await eventually("its unread bytes are released") { server.connections.unreadBytes == 0 }
        }
    }

    @Test func `a reader that is too slow is closed, and others go on`() async throws {
        try await withStreamServer(settings: { $0.readingDeadline = .seconds(1) }) { server in
            let (stalled, source) = try await server.connected(reads: false)
            let (other, othersSource) = try await server.connected()
            for _ in 0..<400 { source.send(Self.large) }
            try await eventually("it is closed") { source.isStopped }
            try await eventually("its unread bytes are released") { server.connections.unreadBytes == 0 }
            try await eventually("the client sees it") { (try? await stalled.send("x")) == nil }
            othersSource.send("still here")
            try await eventually("the other goes on") { other.received.contains("still here") }
        }
    }

    @Test func `a stream whose pieces are read lives longer than any deadline`() async throws {
        try await withStreamServer(settings: {
            ($0.readingDeadline, $0.answerDeadline, $0.idleTimeout) = (.seconds(2), .seconds(2), .seconds(2))
        }) { server in
            let (connection, source) = try await server.connected()
            let start = ContinuousClock.now
            var sent = 0
            while ContinuousClock.now - start < .seconds(5) {
                source.send("piece \(sent);")
                try await eventually("it has come") { connection.received.contains("piece \(sent);") }
                sent += 1
            }
            #expect(connection.isOpen && !source.isStopped)
        }
    }

    @Test func `a stream ends when the memory for unread responses is used up`() async throws {
        let lines = LogLines(.info)
        try await withStreamServer(settings: { $0.answerBudget = 10 }, logger: lines.logger) { server in
            let (connection, source) = try await server.connected()
            source.send("short")
            try await eventually("what fits has come") { connection.received.contains("short") }
            source.send("longer than the budget")
            try await eventually("it has ended") { connection.received.hasSuffix("0\r\n\r\n") }
            #expect(source.isStopped)
        }
        #expect(lines.all.contains { $0.contains("end=answers-full") })
    }

    @Test func `a shutdown ends streams at once, and their readers see the end`() async throws {
        let lines = LogLines(.info)
        // More time than this test waits: those that read must get their last piece beside hundreds of other tests.
        try await withStreamServer(settings: { $0.streamEnd = .seconds(60) }, logger: lines.logger) { server in
            var readers: [HeldConnection] = []
            for _ in 0..<20 { readers.append(try await server.connected().0) }
            await server.shutDown()
            let all = readers
            try await eventually("all are closed") { server.connections.count == 0 }
            try await eventually("those that read see the end") {
                all.allSatisfy { $0.received.hasSuffix("\r\n\r\n0\r\n\r\n") }
            }
        }
        #expect(lines.all.count { $0.contains("end=shutting-down") } == 20)
    }

    @Test func `a shutdown soon ends the streams of clients that read nothing`() async throws {
        let (clock, lines) = (ContinuousClock(), LogLines(.info))
        #expect(ServerSettings().streamEnd < .seconds(1))
        // The other deadline of a shutdown is out of the way.
        try await withStreamServer(settings: { $0.shutdownDeadline = .seconds(3600) }, logger: lines.logger) { server in
            let (_, source) = try await server.connected(reads: false)
            for _ in 0..<400 { source.send(Self.large) }
            try await eventually("it reads nothing") { server.connections.unreadBytes > 0 }
            let start = clock.now
            await server.shutDown()
            try await eventually("it is closed") { server.connections.count == 0 }
            #expect(clock.now - start < .seconds(20))
        }
        #expect(lines.all.count { $0.contains("end=shutting-down") } == 1)
    }
}
