// HTTP clients that go away in the middle of a push.

import MartletHTTP
import MartletQueue
import MartletRedis
import NIOHTTP1
import TestSupport
import Testing

@Suite struct GoneClientTests {
    /// The bytes of a push with a key.
    private static func push(_ path: String, _ body: String) -> String {
        "POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: gone\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test(arguments: [
        ("/api/v1/jobs", #"{"type":"t","queue":"q"}"#), ("/api/downloads", #"{"url":"https://a.example/1"}"#),
    ])
    func `a push whose client disconnects after the body happens once, and a repeat with its key returns it`(
        _ path: String, _ body: String
    ) async throws {
        let redis = try await ownRedis("gone")
        try await withServer(url: redis.url, commandTimeout: .seconds(60)) { server in
            try await server.harness.queue().create()
            try await server.downloads.create()
            @Sendable func created() async throws -> Int {
                let queue = path.contains("downloads") ? server.downloads : server.harness.queue()
                return try #require(try await queue.status()).createdEver
            }
            // Redis answers nothing until the client has gone, so the push is under way then.
            redis.pause()
            let raw = try await RawConnection(port: server.port)
            try await raw.sendAndLeave([Self.push(path, body)])
            redis.unpause()
            try await eventually("the push has happened") { try await created() == 1 }
            let again = try await server.post(path, body, headers: [("Idempotency-Key", "gone")])
            #expect(again.status == 200, "\(again.text)")
            #expect(try await created() == 1)
        }
        await redis.stop()
    }
}

@Suite struct WaitingClientTests {
    private static func job(_ server: TestServer) async throws -> String {
        try #require(try await server.post("/api/v1/jobs", #"{"type":"t","queue":"q"}"#)["id"])
    }

    private static func wait(for id: String, token: String? = nil) -> String {
        let authorization = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
        return "GET /api/v1/jobs/\(id)?wait=30 HTTP/1.1\r\nHost: localhost\r\n\(authorization)\r\n"
    }

    /// A connection that waits; the answer to what it asks before says that the wait has begun.
    private static func waiting(_ server: TestServer, for id: String, token: String? = nil) async throws
        -> HeldConnection
    {
        let connection = try await HeldConnection(port: server.port)
        try await connection.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + wait(for: id, token: token))
        try await eventually("the first request is answered") { connection.received.contains("200 OK") }
        return connection
    }

    @Test func `a caller has a limited number of waits, and each is released when its client disconnects`() async throws
    {
        try await withServer(settings: { $0.maxWaitsPerCaller = 2 }) { server in
            let id = try await Self.job(server)
            var held: [HeldConnection] = []
            try await eventually("two wait") {
                held.append(try await Self.waiting(server, for: id))
                let answer = try await server.get("/api/v1/jobs/\(id)?wait=0.01")
                guard answer.status == 429 else { return false }
                #expect(answer["code"] == "too-many-waits" && answer.int("limit") == 2)
                #expect(answer.headers["retry-after"] == ["1"])
                return true
            }
            #expect(try await server.get("/api/v1/jobs/\(id)").status == 200, "who does not wait needs no place")
            for connection in held { try await connection.close() }
            try await eventually("the places are free") {
                try await server.get("/api/v1/jobs/\(id)?wait=0.01").status == 200
            }
        }
    }

    @Test func `all callers together have a limited number of waits`() async throws {
        let (one, two) = (try newToken("one"), try newToken("two"))
        try await withServer(settings: { $0.maxWaits = 1 }, tokens: "\(one.line)\n\(two.line)") { server in
            let first = server.with(token: one.secret)
            let id = try await Self.job(first)
            var held: [HeldConnection] = []
            try await eventually("the place is taken") {
                held.append(try await Self.waiting(server, for: id, token: one.secret))
                let answer = try await server.with(token: two.secret).get("/api/v1/jobs/\(id)?wait=0.01")
                return answer.status == 503 && answer["code"] == "waits-full"
            }
            for connection in held { try await connection.close() }
        }
    }

    @Test func `a client that closes its sending side gets the job's current state`() async throws {
        try await withServer { server in
            let id = try await Self.job(server)
            let connection = try await HeldConnection(port: server.port)
            try await connection.send(Self.wait(for: id))
            try await connection.stopSending()
            try await eventually("it is answered") { connection.received.contains(id) }
            #expect(connection.received.hasPrefix("HTTP/1.1 200"))
        }
    }
}
