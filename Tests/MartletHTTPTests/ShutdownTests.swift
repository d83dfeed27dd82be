// The end of a server: what was begun is finished and answered, and nobody who stands still holds it up.

import MartletHTTP
import MartletRedis
import Synchronization
import TestSupport
import Testing

@Suite struct ServerShutdownTests {
    private static func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n" }

    private static func post(_ body: String, length: Int? = nil) -> String {
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(length ?? body.utf8.count)\r\n\r\n\(body)"
    }

    @Test func `a shutdown does not wait for clients that read or send nothing`() async throws {
        let (clock, lines) = (ContinuousClock(), LogLines())
        // The deadlines of a running server are a minute, so only that of the shutdown can end these connections sooner.
        let start = Mutex(clock.now)
        try await withServer(settings: { $0.shutdownDeadline = .milliseconds(500) }, logger: lines.logger) { server in
            let payload = String(repeating: "x", count: 250_000)
            let pushed = try await server.post("/api/v1/jobs", #"{"type":"t","id":"large","payload":"\#(payload)"}"#)
            try #require(pushed.status == 201)
            let sending = try await HeldConnection(port: server.port)
            try await sending.send(Self.post("{", length: 9))
            let stalled = try await HeldConnection(port: server.port, reads: false)
            try await stalled.send(String(repeating: Self.get("/api/v1/jobs/large"), count: 60))
            var before = 0
            try await eventually("no more answers are made") {
                try await Task.sleep(for: .milliseconds(200))
                let made = lines.all.count { $0.contains("/api/v1/jobs/{id}") }
                defer { before = made }
                return made > 0 && made == before
            }
            start.withLock { $0 = clock.now }
        }
        #expect(clock.now - start.withLock { $0 } < .seconds(20))
    }

    @Test func `a shutdown finishes and answers the write in progress, and executes nothing after it`()
        async throws
    {
        let redis = try await ownRedis("http")
        let held = Mutex<HeldConnection?>(nil)
        try await withServer(url: redis.url, commandTimeout: .seconds(60)) { server in
            let idle = try await HeldConnection(port: server.port)
            try await idle.send(Self.get("/livez"))
            try await eventually("it is answered") { idle.received.contains("200 OK") }
            let connection = try await HeldConnection(port: server.port)
            held.withLock { $0 = connection }
            redis.pause()
            let writes = ["first", "second"].map { Self.post(#"{"type":"t","id":"\#($0)"}"#) }.joined()
            try await connection.send(writes)
            try await eventually("the write is under way") { server.pendingCommands > 0 }
            Task {
                // The shutdown begins when this closure returns, and ends connections without a request at once.
                try? await eventually("the shutdown has begun") { !idle.isOpen }
                redis.unpause()
            }
        }
        let connection = try #require(held.withLock { $0 })
        // The client may read the last answer after the server has ended.
        try await eventually("the connection ends") { !connection.isOpen }
        let received = connection.received
        #expect(received.contains("201 Created") && received.contains(#""id":"first""#), "\(received)")
        #expect(!received.contains(#""id":"second""#), "\(received)")
        #expect(received.contains("shutting-down") && received.contains("not-executed"), "\(received)")
        await redis.stop()
    }
}

@Suite struct HalfClosedClientTests {
    @Test(arguments: [
        "GET /api/v1/jobs?limit=200 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /api/v1/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    ])
    func `a client that has sent all it wanted and closes its half gets its answer`(request: String) async throws {
        try await withServer { server in
            let connection = try await HeldConnection(port: server.port)
            try await connection.send(request)
            try await connection.stopSending()
            try await eventually("it is answered") { connection.received.hasSuffix("}") }
            #expect(connection.received.hasPrefix("HTTP/1.1 200"))
            try await eventually("and the connection is closed behind the answer") { !connection.isOpen }
        }
    }
}
