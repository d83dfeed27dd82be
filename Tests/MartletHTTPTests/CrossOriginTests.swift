// Pages of other origins: what a browser asks, what it may read, and that no cookie of a session counts.

import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct CrossOriginTests {
    private static let page = "https://app.example"
    private static let job = #"{"queue":"q","type":"t"}"#

    private static func from(_ origin: String) -> [(String, String)] {
        [("Origin", origin), ("Sec-Fetch-Site", "cross-site")]
    }

    private static func asks(_ origin: String) -> [(String, String)] {
        [("Origin", origin), ("Access-Control-Request-Method", "POST")]
    }

    private static func fields(_ answer: Answer) -> [String] {
        answer.headers.map(\.name).filter { $0.lowercased().hasPrefix("access-control-") }
    }

    @Test func `nothing is allowed unless it is set`() async throws {
        try await withServer { server in
            let asked = try await server.send(.OPTIONS, "/api/v1/jobs", headers: Self.asks(Self.page))
            #expect(asked.status == 204 && Self.fields(asked).isEmpty && asked.headers["vary"].isEmpty)
            let read = try await server.get("/api/v1/stats", headers: Self.from(Self.page))
            #expect(read.status == 200 && Self.fields(read).isEmpty)
            let written = try await server.post("/api/v1/jobs", Self.job, headers: Self.from(Self.page))
            #expect(written.status == 403 && written["code"] == "cross-site")
        }
    }

    @Test func `a page of an allowed origin asks, reads and writes, and one of another does not`() async throws {
        let token = try AccessToken(name: "ada", roles: [.admin])
        try await withServer(settings: { $0.corsOrigins = [Self.page, "http://localhost:3000"] }, tokens: token.line) {
            server in
            for origin in [Self.page, "http://localhost:3000"] {
                let asked = try await server.send(.OPTIONS, "/api/v1/jobs", headers: Self.asks(origin))
                #expect(asked.status == 204)
                #expect(asked.headers["access-control-allow-origin"] == [origin])
                #expect(asked.headers["access-control-allow-methods"] == ["GET, HEAD, OPTIONS, POST"])
                #expect(asked.headers["access-control-allow-headers"].joined().contains("Authorization"))
                #expect(asked.headers["access-control-allow-credentials"].isEmpty)
                #expect(asked.headers["vary"].joined().contains("Origin"))
                let written = try await server.with(token: token.secret).post(
                    "/api/v1/jobs", Self.job, headers: Self.from(origin))
                #expect(written.status == 201 && written.headers["access-control-allow-origin"] == [origin])
                #expect(written.headers["access-control-expose-headers"].joined().contains("Location"))
                // A page can read problems too.
                let refused = try await server.post("/api/v1/jobs", Self.job, headers: Self.from(origin))
                #expect(refused.status == 401 && refused.headers["access-control-allow-origin"] == [origin])
            }
            for origin in ["https://app.example.evil", "http://app.example", "https://app.example:444", "null"] {
                let asked = try await server.send(.OPTIONS, "/api/v1/jobs", headers: Self.asks(origin))
                #expect(Self.fields(asked).isEmpty && asked.headers["vary"].joined().contains("Origin"), "\(origin)")
                let written = try await server.with(token: token.secret).post(
                    "/api/v1/jobs", Self.job, headers: Self.from(origin))
                #expect(written.status == 403 && Self.fields(written).isEmpty, "\(origin)")
            }
        }
    }

    @Test func `an allowed page writes nothing by the cookie of a session`() async throws {
        let token = try AccessToken(name: "ada", roles: [.admin])
        try await withServer(settings: { $0.corsOrigins = [Self.page] }, tokens: token.line) { server in
            let pushed = try await server.with(token: token.secret).post("/api/v1/jobs", Self.job)
            #expect(pushed.status == 201, "there is a queue to pause")
            let login = try await server.post("/api/session", #"{"token":"\#(token.secret)"}"#)
            let cookie = try #require(login.headers.first(name: "set-cookie")?.split(separator: ";").first)
            // A page of the same site sends the cookie, and a write without a body needs no question before it.
            let headers = [("Origin", Self.page), ("Sec-Fetch-Site", "same-site"), ("Cookie", String(cookie))]
            let written = try await server.post("/api/v1/queues/q/pause", headers: headers)
            #expect(written.status == 403 && written["code"] == "cross-site")
            let own = [("Origin", "http://127.0.0.1:\(server.port)"), ("Cookie", String(cookie))]
            #expect(try await server.post("/api/v1/queues/q/pause", headers: own).status == 200)
        }
    }

    @Test func `all origins need tokens, and get no credentials`() async throws {
        var settings = ServerSettings()
        settings.corsOrigins = ["*"]
        #expect(throws: ServerConfigurationError.self) { try settings.check(tokens: nil) }
        let token = try AccessToken(name: "ada", roles: [.admin])
        try await withServer(settings: { $0.corsOrigins = ["*"] }, tokens: token.line) { server in
            let read = try await server.with(token: token.secret).get("/api/v1/stats", headers: Self.from("null"))
            #expect(read.status == 200 && read.headers["access-control-allow-origin"] == ["*"])
            #expect(read.headers["access-control-allow-credentials"].isEmpty)
        }
    }

    @Test(arguments: [
        "app.example", "https://", "https://a/", "https://a/b", "https://A", "ftp://a", "https://a b", "https://*", "",
        "https://u@a",
    ])
    func `what is no origin is refused`(text: String) {
        var settings = ServerSettings()
        settings.corsOrigins = [text]
        #expect(throws: ServerConfigurationError.self) { try settings.check(tokens: nil) }
    }
}
