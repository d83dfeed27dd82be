// A server under a path of a proxy: every address that it gives out, and requests with the prefix and without it.

import AsyncHTTPClient
import Foundation
import MartletJSON
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct PathPrefixTests {
    private static let prefix = "/tools/martlet"

    private static func with(_ body: @concurrent @Sendable (TestServer) async throws -> Void) async throws {
        try await withServer(settings: { $0.pathPrefix = prefix }, body)
    }

    /// An answer that is not compared with the document, whose paths have no prefix.
    private static func send(
        _ method: HTTPMethod, _ path: String, to server: TestServer, _ body: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(server.port)\(path)")
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(Array(body.utf8))
        }
        // A client that follows redirects would hide them.
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let response = try await client.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 16 << 20)
        try await client.shutdown()
        return Answer(status: Int(response.status.code), headers: response.headers, body: Array(buffer: bytes))
    }

    @Test func `routes, pages and files answer with the prefix and without it`() async throws {
        try await Self.with { server in
            let page = try await Self.send(.GET, Self.prefix + "/ui/", to: server)
            #expect(page.status == 200)
            let file = try #require(page.text.firstMatch(of: /"([^"]+\.css)"/)?.1)
            for path in [
                "/livez", "/api/v1/stats", "/api/downloads/status", "/metrics", "/ui/\(file)", "/openapi.yaml",
            ] {
                let with = try await Self.send(.GET, Self.prefix + path, to: server)
                let without = try await Self.send(.GET, path, to: server)
                #expect(with.status == 200 && without.status == 200, "\(path)")
            }
            for path in ["/tools", "/tools/martletx/livez", "/tools/martlet/tools/martlet/livez", "/other/livez"] {
                #expect(try await Self.send(.GET, path, to: server).status == 404, "\(path)")
            }
        }
    }

    @Test func `browsers are sent to the dashboard, with and without a slash`() async throws {
        try await Self.with { server in
            let html = [("Accept", "text/html")]
            for path in ["", "/"] {
                let answer = try await Self.send(.GET, Self.prefix + path, to: server, headers: html)
                #expect(answer.status == 303)
                #expect(answer.headers.first(name: "location") == Self.prefix + "/ui/")
            }
            // Relative to the address that the browser knows.
            let page = try await Self.send(.GET, Self.prefix + "/ui", to: server)
            #expect(page.headers.first(name: "location") == "ui/")
        }
    }

    @Test func `addresses in answers have the prefix, and lead to what they name`() async throws {
        try await Self.with { server in
            for path in [Self.prefix + "/api/v1/jobs", "/api/v1/jobs"] {
                let pushed = try await Self.send(.POST, path, to: server, #"{"queue":"q","type":"t"}"#)
                let place = try #require(pushed.headers.first(name: "location"))
                #expect(place.hasPrefix(Self.prefix + "/api/v1/jobs/"))
                #expect(try await Self.send(.GET, place, to: server).status == 200)
            }
            for path in [Self.prefix + "/api/v1/jobs/none", "/api/v1/jobs/none"] {
                let problem = try await Self.send(.GET, path, to: server)
                #expect(problem["instance"] == Self.prefix + "/api/v1/jobs/none")
                let page = try #require(problem["type"])
                #expect(page == Self.prefix + "/problems/not-found")
                #expect(try await Self.send(.GET, page, to: server).text.contains("What to do"))
            }
            let raw = try await RawConnection(port: server.port).exchange(["nonsense\r\n\r\n"])
            #expect(raw.contains(#""type":"/tools/martlet/problems/malformed-http""#))
            let document = try await Self.send(.GET, Self.prefix + "/openapi.json", to: server)
            #expect((document.list("servers").first?["url"] as? String) == Self.prefix)
        }
    }

    @Test func `a repeated request is the same with the prefix and without it`() async throws {
        try await Self.with { server in
            let key = [("Idempotency-Key", "k1")]
            let body = #"{"queue":"q","type":"t"}"#
            let first = try await Self.send(.POST, "/api/v1/jobs", to: server, body, headers: key)
            let second = try await Self.send(.POST, Self.prefix + "/api/v1/jobs", to: server, body, headers: key)
            #expect(first.status == 201 && second.status == 200)
            #expect(first["id"] != nil && first["id"] == second["id"])
        }
    }

    @Test(arguments: [
        "martlet", "/", "/a/", "//a", "/a//b", "/a b", "/..", "/a/./b", "/ä", "/a?b", "/a%20", "/api", "/ui/x",
        "/metrics", "/problems",
    ])
    func `what cannot be a prefix is refused`(text: String) {
        var settings = ServerSettings()
        settings.pathPrefix = text
        #expect(throws: ServerConfigurationError.self) { try settings.check(tokens: nil) }
    }

    @Test(arguments: ["/martlet", "/a/b.c/~d_e-1", "/apis"])
    func `what can be a prefix is taken`(text: String) throws {
        var settings = ServerSettings()
        settings.pathPrefix = text
        try settings.check(tokens: nil)
        #expect(PathPrefix(text: text).removed(from: text + "/livez") == "/livez")
        #expect(PathPrefix(text: text).removed(from: text) == "/")
    }
}
