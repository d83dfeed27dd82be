// Sessions of browsers: the cookie, what it lets in, and what it does not.

import Foundation
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

/// What a page of the dashboard sends with its requests.
private let ownPage = [("Sec-Fetch-Site", "same-origin")]

extension TestServer {
    fileprivate func login(_ token: String, headers: [(String, String)] = ownPage) async throws -> Answer {
        try await post("/api/session", "{\"token\":\"\(token)\"}", headers: headers)
    }
}

extension Answer {
    /// The name and value of the cookie that was set.
    fileprivate var cookie: String? { headers.first(name: "set-cookie").map { String($0.prefix { $0 != ";" }) } }
}

@Suite struct SessionTests {
    @Test func `a token is entered once, and the cookie stands for it until it is removed`() async throws {
        let token = try newToken("oncall", [.read, .operate], "q*")
        try await withServer(tokens: token.line) { server in
            let login = try await server.login(token.secret)
            #expect(login.status == 200)
            #expect(
                login["name"] == "oncall" && login.strings("roles") == ["read", "operate"] && login["queues"] == "q*")
            #expect(login.bool("needs_token") == true)
            let cookie = try #require(login.cookie)
            let who = try await server.get("/api/session", headers: [("Cookie", "other=1; " + cookie)])
            #expect(who.status == 200 && who["name"] == "oncall")
            #expect(try await server.get("/api/v1/queues", headers: [("Cookie", cookie)]).status == 200)
            #expect(try await server.get("/api/v1/queues").status == 401)
            let end = try await server.send(.DELETE, "/api/session", headers: [("Cookie", cookie)] + ownPage)
            #expect(end.status == 200)
            #expect(end.headers.first(name: "set-cookie")?.contains("Max-Age=0") == true)
        }
    }

    @Test func `the cookie is for no script, no other site and, where there is TLS, for no plain connection`()
        async throws
    {
        let token = try newToken()
        try await withServer(tokens: token.line) { server in
            let plain = try #require(try await server.login(token.secret).headers.first(name: "set-cookie"))
            #expect(plain.contains("; HttpOnly") && plain.contains("; SameSite=Strict"))
            #expect(!plain.contains("Secure") && !plain.contains("Path") && !plain.contains("Domain"))
            #expect(!plain.contains(token.secret), "it is not shown as it is written down")
            let origin = [("Origin", "https://127.0.0.1:\(server.port)")]
            let secure = try await server.login(token.secret, headers: origin)
            #expect(secure.headers.first(name: "set-cookie")?.hasSuffix("; Secure") == true)
        }
    }

    @Test func `a write by cookie needs a page of this server`() async throws {
        let token = try newToken()
        try await withServer(tokens: token.line) { server in
            let cookie = ("Cookie", try #require(try await server.login(token.secret).cookie))
            func push(_ headers: [(String, String)]) async throws -> Int {
                try await server.post("/api/v1/jobs", #"{"type":"t"}"#, headers: headers).status
            }
            #expect(try await push([cookie]) == 403)
            #expect(try await push([cookie, ("Sec-Fetch-Site", "cross-site")]) == 403)
            #expect(try await push([cookie, ("Sec-Fetch-Site", "same-site")]) == 403)
            #expect(try await push([cookie, ("Origin", "http://evil.example")]) == 403)
            #expect(try await push([cookie, ("Sec-Fetch-Site", "same-origin"), ("Origin", "null")]) == 403)
            #expect(try await server.get("/api/v1/stats", headers: [cookie]).int("total_jobs") == 0)
            #expect(try await push([cookie, ("Origin", "http://127.0.0.1:\(server.port)")]) == 201)
            #expect(try await push([cookie] + ownPage) == 201)
            #expect(try await push([("Authorization", "Bearer \(token.secret)")]) == 201, "a token needs no page")
            let foreign = try await server.login(token.secret, headers: [("Sec-Fetch-Site", "cross-site")])
            #expect(foreign.status == 403 && foreign.cookie == nil)
        }
    }

    @Test func `a session has the roles of its token, and a header counts more than a cookie`() async throws {
        let (reader, admin) = (try newToken("reader", [.read]), try newToken("admin", [.admin]))
        try await withServer(tokens: reader.line + "\n" + admin.line) { server in
            let cookie = ("Cookie", try #require(try await server.login(reader.secret).cookie))
            #expect(try await server.get("/api/v1/stats", headers: [cookie]).status == 200)
            let pause = try await server.post("/api/v1/pause", nil, headers: [cookie] + ownPage)
            #expect(pause.status == 403 && pause["code"] == "forbidden")
            let both = try await server.with(token: admin.secret).get("/api/session", headers: [cookie])
            #expect(both["name"] == "admin")
            let wrong = try await server.with(token: "mt_x_y").get("/api/session", headers: [cookie])
            #expect(wrong.status == 401, "a wrong header is not made good by a cookie")
        }
    }

    @Test func `a cookie ends with its token, and the browser is told to forget it`() async throws {
        let (old, new) = (try newToken("old"), try newToken("new"))
        let tokens = TokenSource(try TokenTable(old.line))
        try await withServer(tokenSource: tokens) { server in
            let cookie = ("Cookie", try #require(try await server.login(old.secret).cookie))
            tokens.replace(with: try TokenTable(new.line))
            let answer = try await server.get("/api/v1/stats", headers: [cookie])
            #expect(answer.status == 401)
            #expect(answer.headers.first(name: "set-cookie")?.contains("Max-Age=0") == true)
            for cookie in ["martlet_session=", "martlet_session=zz", "martlet_session=ff", "martlet_session"] {
                #expect(try await server.get("/api/v1/stats", headers: [("Cookie", cookie)]).status == 401, "\(cookie)")
            }
        }
    }

    @Test func `wrong tokens are counted wherever they are entered`() async throws {
        let token = try newToken()
        try await withServer(tokens: token.line) { server in
            for _ in 0..<5 {
                #expect(try await server.login("mt_no_no").status == 401)
                #expect(
                    try await server.get("/api/v1/stats", headers: [("Cookie", "martlet_session=00")]).status == 401)
            }
            let more = try await server.login("mt_no_no")
            #expect(more.status == 429 && more["code"] == "too-many-failures" && more.cookie == nil)
            #expect(try await server.login(token.secret).status == 200, "the right one is let in")
        }
    }

    @Test func `a server without tokens has no sessions and says so`() async throws {
        try await withServer { server in
            let who = try await server.get("/api/session")
            #expect(who["name"] == "local" && who.bool("needs_token") == false && who.strings("roles") == ["admin"])
            let login = try await server.login("anything")
            #expect(login.status == 200 && login.cookie == nil)
            for body in ["{}", #"{"token":""}"#, #"{"token":5}"#, #"{"token":"a","more":1}"#] {
                #expect(try await server.post("/api/session", body).status == 422, "\(body)")
            }
        }
    }
}
