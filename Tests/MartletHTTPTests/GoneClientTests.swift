// HTTP clients that go away in the middle of a push (row 67 of the fault catalogue).

import MartletQueue
import MartletRedis
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
    func `a push whose client hangs up behind its body happens once, and a repeat with its key meets it`(
        _ path: String, _ body: String
    ) async throws {
        let redis = try await PrivateRedisServer.start(directory: temporaryDirectory("gone"), options: [])
        try await withServer(url: redis.url) { server in
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
