// Who may do what: tokens, roles, queues, hosts and browsers.

import Foundation
import HTTPTypes
import Logging
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

func newToken(_ name: String? = nil, _ roles: Set<Role> = [.admin], _ queues: String = "*") throws -> AccessToken {
    try AccessToken(name: name, roles: roles, queues: try #require(QueueGlob(queues)))
}

/// The roles that each route lets in besides admin, written down a second time, so that a change of the table shows.
private let expectedAccess: [String: Set<Role>] = [
    "POST /api/downloads/pause": [.operate], "POST /api/downloads/resume": [.operate],
    "GET /api/downloads/status": [.read, .operate], "PUT /api/downloads/concurrency": [.operate],
    "POST /api/downloads": [.produce], "POST /api/downloads/batch": [.produce],
    "POST /api/downloads/batch-action": [.operate], "GET /api/downloads": [.read, .operate],
    "GET /api/downloads/{id}": [.produce, .read, .operate], "POST /api/downloads/{id}/pause": [.operate],
    "POST /api/downloads/{id}/resume": [.operate], "POST /api/downloads/{id}/cancel": [.operate],
    "POST /api/downloads/{id}/retry": [.operate], "POST /api/downloads/{id}/priority": [.operate],
    "PATCH /api/downloads/{id}/priority": [.operate],
    "POST /api/v1/jobs/{id}/clone": [.produce],
    "POST /api/v1/jobs": [.produce], "POST /api/v1/jobs/bulk": [.produce], "GET /api/v1/jobs": [.read, .operate],
    "GET /api/v1/jobs/{id}": [.produce, .read, .operate], "PATCH /api/v1/jobs/{id}": [.operate],
    "DELETE /api/v1/jobs/{id}": [.operate], "POST /api/v1/jobs/actions": [.operate],
    "POST /api/v1/jobs/{id}/cancel": [.operate], "POST /api/v1/jobs/{id}/pause": [.operate],
    "POST /api/v1/jobs/{id}/resume": [.operate], "POST /api/v1/jobs/{id}/retry": [.operate],
    "POST /api/v1/jobs/{id}/run": [.operate], "GET /api/v1/queues": [.read, .operate],
    "GET /api/v1/queues/{queue}": [.read, .operate], "PUT /api/v1/queues/{queue}": [],
    "GET /api/v1/errors": [.read, .operate],
    "GET /api/v1/jobs/{id}/explain": [.read, .operate], "GET /api/v1/queues/{queue}/explain": [.read, .operate],
    "GET /api/v1/queues/{queue}/scaling": [.read, .operate],
    "GET /api/v1/queues/{queue}/history": [.read, .operate], "GET /api/v1/history": [.read, .operate],
    "GET /api/v1/queues/{queue}/limits": [.read, .operate],
    "GET /api/v1/queues/{queue}/limits/{key}": [.read, .operate],
    "PUT /api/v1/queues/{queue}/limits/{key}": [], "DELETE /api/v1/queues/{queue}/limits/{key}": [],
    "POST /api/v1/queues/{queue}/limits/{key}/pause": [.operate],
    "POST /api/v1/queues/{queue}/limits/{key}/resume": [.operate],
    "POST /api/v1/queues/{queue}/limits/{key}/reset": [.operate],
    "POST /api/v1/queues/{queue}/pause": [.operate], "POST /api/v1/queues/{queue}/resume": [.operate],
    "POST /api/v1/queues/{queue}/drain": [.operate], "DELETE /api/v1/queues/{queue}": [],
    "POST /api/v1/pause": [.operate], "POST /api/v1/resume": [.operate], "GET /api/v1/stats": [.read, .operate],
    "GET /api/v1/audit": [.operate], "GET /api/v1/workers": [.read, .operate], "GET /api/v1/events": [.read, .operate],
    "GET /api/v1/system": [.read, .operate], "GET /metrics": [.read, .operate],
    "GET /api/session": [.produce, .work, .read, .operate],
    "POST /api/v1/claims": [.work], "POST /api/v1/claims/settle": [.work],
    "POST /api/v1/claims/{token}/complete": [.work], "POST /api/v1/claims/{token}/fail": [.work],
    "POST /api/v1/claims/{token}/release": [.work], "POST /api/v1/claims/{token}/snooze": [.work],
    "POST /api/v1/claims/{token}/throttle": [.work],
    "PUT /api/v1/claims/{token}/checkpoint": [.work], "POST /api/v1/workers/{worker}/heartbeat": [.work],
    "DELETE /api/v1/workers/{worker}": [.work],
]

/// The routes that ask nobody who they are.
private let openRoutes: Set<String> = [
    "GET /livez", "GET /readyz", "GET /health", "GET /ready", "GET /openapi.json", "GET /openapi.yaml",
    "GET /problems/{code}", "POST /api/session", "DELETE /api/session",
]

extension Route {
    /// A path of this route for a job and a queue that exist.
    fileprivate func path(id: String, queue: String) -> String {
        template.replacing("{id}", with: id).replacing("{queue}", with: queue)
            .replacing("{code}", with: "not-found").replacing("{worker}", with: "w").replacing("{key}", with: "host:a")
            .replacing("{token}", with: "\(queue)~\(id)~1~\(String(repeating: "0", count: 48))")
    }

    /// A body that the route accepts.
    fileprivate func body(queue: String) -> String? {
        [
            "PUT /api/downloads/concurrency": #"{"max_concurrent_downloads":3}"#,
            "POST /api/downloads": #"{"url":"https://a.example"}"#,
            "POST /api/downloads/batch": #"{"downloads":[{"url":"https://a.example"}]}"#,
            "POST /api/downloads/batch-action": #"{"download_ids":["job"],"action":"pause"}"#,
            "POST /api/downloads/{id}/priority": #"{"priority":1}"#,
            "PATCH /api/downloads/{id}/priority": #"{"priority":1}"#,
            "PATCH /api/v1/jobs/{id}": #"{"priority":1}"#,
            "POST /api/v1/jobs": "{\"type\":\"t\",\"queue\":\"\(queue)\"}",
            "POST /api/v1/jobs/bulk": "{\"jobs\":[{\"type\":\"t\",\"queue\":\"\(queue)\"}]}",
            "POST /api/v1/jobs/actions": #"{"action":"pause","ids":["job"]}"#,
            "PUT /api/v1/queues/{queue}": "{}", "PUT /api/v1/queues/{queue}/limits/{key}": #"{"concurrency":1}"#,
            "POST /api/v1/claims": "{\"queues\":[\"\(queue)\"]}",
            "POST /api/v1/claims/settle": "{\"settlements\":[],\"claim\":{\"queues\":[\"\(queue)\"]}}",
            "POST /api/v1/claims/{token}/fail": #"{"error":{"message":"x"}}"#,
            "POST /api/v1/claims/{token}/snooze": #"{"delay_seconds":1}"#,
            "POST /api/v1/claims/{token}/throttle": #"{"key":"host:a","delay_seconds":1}"#,
            "PUT /api/v1/claims/{token}/checkpoint": #"{"checkpoint":1}"#,
            "POST /api/v1/workers/{worker}/heartbeat": "{}",
        ][name]
    }
}

@Suite struct AccessTests {
    @Test func `every route is in the table of access, once`() {
        let names = Route.all.map(\.name)
        #expect(Set(names).count == names.count)
        for route in Route.all {
            if let roles = route.roles {
                #expect(
                    expectedAccess[route.name] == roles.subtracting([.admin])
                        || (route.roles == [.admin] && expectedAccess[route.name] == []), "\(route.name)")
            } else {
                #expect(openRoutes.contains(route.name), "\(route.name)")
            }
        }
        #expect(expectedAccess.count + openRoutes.count == Route.all.count)
    }

    @Test(arguments: Role.allCases)
    func `every route lets this role in as the table says, and no other`(role: Role) async throws {
        let token = try newToken("t", [role])
        try await withServer(tokens: token.line) { server in
            for name in ["q", "downloads"] {
                let id = try #require(JobID(name == "q" ? "job" : "download"))
                _ = try await server.harness.queue(name).enqueue(NewJob(id: id, digest: "d", type: "t", payload: []))
            }
            let caller = server.with(token: token.secret)
            for route in Route.all {
                let id = route.template.hasPrefix("/api/downloads") ? "download" : "job"
                let path = route.path(id: id, queue: "q")
                let method = route.endingMethod
                let answer = try await caller.send(method, path, route.body(queue: "q"))
                let isAllowed =
                    openRoutes.contains(route.name) || role == .admin
                    || expectedAccess[route.name]?.contains(role) ?? false
                #expect((answer.status == 403) != isAllowed, "\(route.name) as \(role): \(answer.status)")
                #expect(answer.status < 500 && answer.status != 401, "\(route.name)")
                guard !openRoutes.contains(route.name) else { continue }
                let nobody = try await server.send(method, path, route.body(queue: "q"))
                #expect(nobody.status == 401, "\(route.name)")
                #expect(nobody.headers.first(name: "www-authenticate")?.hasPrefix("Bearer") == true)
            }
        }
    }

    @Test func `a token for other queues gets 403 for a queue that it names and 404 for ids it must not know`()
        async throws
    {
        let token = try newToken("shop", [.admin], "shop,shop-*")
        try await withServer(tokens: token.line) { server in
            let caller = server.with(token: token.secret)
            let foreign = try #require(JobID("foreign"))
            _ = try await server.harness.queue("secret").enqueue(
                NewJob(id: foreign, digest: "d", type: "t", payload: []))
            _ = try await server.downloads.enqueue(NewJob(id: foreign, digest: "d", type: "t", payload: []))
            #expect(try await caller.post("/api/v1/jobs", #"{"type":"t","queue":"shop-eu"}"#).status == 201)
            for route in Route.all where route.roles != nil {
                let method = route.endingMethod
                let answer = try await caller.send(
                    method, route.path(id: "foreign", queue: "secret"), route.body(queue: "secret"))
                switch route.name {
                case "GET /api/v1/jobs", "GET /api/v1/errors", "GET /api/v1/queues", "GET /api/v1/stats",
                    "GET /api/v1/workers",
                    "POST /api/v1/workers/{worker}/heartbeat", "DELETE /api/v1/workers/{worker}",
                    "GET /api/v1/audit", "GET /api/v1/events", "GET /api/v1/history", "GET /api/v1/system",
                    "GET /api/session":
                    #expect(answer.status == 200)
                    #expect(!answer.text.contains("secret"), "\(route.name)")
                case "POST /api/v1/jobs/actions": #expect(answer.int("failed") == 1)
                default:
                    let isByID = route.template.contains("{id}") && route.scope == .named
                    #expect(answer.status == (isByID ? 404 : 403), "\(route.name): \(answer.status)")
                }
            }
            #expect(try await caller.get("/api/v1/jobs/foreign?queue=secret").status == 403)
            #expect(try await caller.get("/api/v1/jobs?queue=secret").status == 403)
            #expect(try await caller.get("/api/v1/stats").int("queues") == 1)
            #expect(try await server.harness.queue("secret").state("foreign") == .queued)
        }
    }

    @Test func `missing, malformed, wrong and expired tokens all get the same 401`() async throws {
        let (token, old) = (try newToken("a"), try newToken("old"))
        try await withServer(tokens: "\(token.line)\n\(old.line) expires=2001-01-01T00:00:00Z") { server in
            let headers = [
                nil, "Bearer", "Bearer ", "Basic \(token.secret)", "Bearer \(token.secret)x", "Bearer \(old.secret)",
                "Bearer mt_", token.secret, "Bearer \(token.secret.dropLast())",
            ]
            for header in headers {
                let answer = try await server.get(
                    "/api/v1/stats", headers: header.map { [("authorization", $0)] } ?? [])
                #expect(answer.status == 401)
                #expect(answer["detail"] == "a valid bearer token is needed")
            }
            #expect(try await server.get("/api/v1/stats?token=\(token.secret)").status == 401)
            #expect(
                try await server.get("/api/v1/stats", headers: [("authorization", "bearer \(token.secret)")]).status
                    == 200)
        }
    }

    @Test func `guessing tokens is slowed down, while a valid token is accepted`() async throws {
        let token = try newToken("a")
        try await withServer(tokens: token.line) { server in
            var statuses: [Int] = []
            for _ in 0..<12 { statuses.append(try await server.with(token: "mt_x_y").get("/api/v1/stats").status) }
            #expect(statuses == Array(repeating: 401, count: 10) + [429, 429])
            let answer = try await server.with(token: "mt_x_y").get("/api/v1/stats")
            #expect(answer.headers.first(name: "retry-after") == "60")
            #expect(try await server.with(token: token.secret).get("/api/v1/stats").status == 200)
        }
    }

    @Test func `failures are forgotten after a minute and never fill the memory`() {
        let counter = FailureCounter()
        let start = ContinuousClock.now
        let client = ClientAddress("192.0.2.1")
        for _ in 0..<10 { #expect(counter.allowsAnother(from: client, now: start)) }
        #expect(!counter.allowsAnother(from: client, now: start))
        #expect(counter.allowsAnother(from: client, now: start + .seconds(60)))
        for number in 0..<10_001 {
            _ = counter.allowsAnother(from: ClientAddress("\(number)"), now: start + .seconds(61))
        }
        #expect(counter.allowsAnother(from: client, now: start + .seconds(61)))
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("", ""), ("::1", "0:0:0:0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2"), ("2001:db8:1:2::9", "2001:db8:1:2"), ("2001:db8::9", "2001:db8:0:0"),
        ("fe80::1%eth0", "fe80:0:0:0"), ("2001:db8:1::", "2001:db8:1:0"),
    ])
    func `an IPv6 address is counted by its network`(address: String, counted: String) {
        #expect(ClientAddress(address).text == counted)
    }

    @Test func `a token that is replaced is refused from the next request on`() async throws {
        let (old, new) = (try newToken("old"), try newToken("new"))
        let source = TokenSource(try TokenTable(old.line))
        try await withServer(tokenSource: source) { server in
            #expect(try await server.with(token: old.secret).get("/api/v1/stats").status == 200)
            #expect(try await server.with(token: new.secret).get("/api/v1/stats").status == 401)
            source.replace(with: try TokenTable(new.line))
            #expect(try await server.with(token: old.secret).get("/api/v1/stats").status == 401)
            #expect(try await server.with(token: new.secret).get("/api/v1/stats").status == 200)
        }
    }

    @Test func `a new token has a secret for its owner and a line for the server that does not contain it`() throws {
        let token = try newToken("shop", [.produce, .read], "shop,shop-*")
        #expect(token.secret.wholeMatch(of: /mt_[0-9a-z]{8}_[A-Za-z0-9_-]{43}/) != nil)
        #expect(token.line.hasPrefix("shop produce,read shop,shop-* sha256:"))
        #expect(!token.line.contains(token.secret))
        let table = try TokenTable("# comment\n\n  \(token.line)   # its owner\n")
        #expect(table.count == 1)
        let caller = try #require(table.caller(presenting: token.secret))
        #expect(caller.name == "shop")
        #expect(caller.roles == [.produce, .read])
        #expect(table.caller(presenting: token.secret + " ") == nil)
        #expect(try newToken().secret != newToken().secret)
        #expect(throws: TokenFileError.self) { try newToken("a b") }
        #expect(throws: TokenFileError.self) { try newToken("a", []) }
    }

    @Test(arguments: [
        "a read *", "a b/c read * sha256:00", "a sing * sha256:\(String(repeating: "0", count: 64))",
        "a read Q! sha256:\(String(repeating: "0", count: 64))", "a read * mt_id_secret", "a read * sha256:00",
        "a read * sha256:\(String(repeating: "g", count: 64))",
        "a read * sha256:\(String(repeating: "0", count: 64)) until=2030",
        "a read * sha256:\(String(repeating: "0", count: 64)) expires=never",
        "ä read * sha256:\(String(repeating: "0", count: 64))",
    ])
    func `a fault in a file of tokens names its line`(line: String) throws {
        let error = try #require(throws: TokenFileError.self) { try TokenTable("# first\n\(line)") }
        #expect(error.line == 2)
        #expect("\(error)".hasPrefix("line 2: "))
    }

    @Test func `a token that stands in two lines is refused, and both are named`() throws {
        let (one, two) = (try newToken("one"), try newToken("two"))
        let again = one.line.replacing("one ", with: "other ")
        let error = try #require(throws: TokenFileError.self) { try TokenTable("\(one.line)\n\(two.line)\n\n\(again)") }
        #expect(error.line == 4)
        #expect(error.message.contains("other is the same token as one in line 1"), "\(error)")
        #expect(try TokenTable("\(one.line)\n\(two.line)").count == 2)
    }

    @Test func `patterns of queues match as documented, and never slowly`() throws {
        let glob = try #require(QueueGlob("a*b*c,exact"))
        let cases = [
            "abc": true, "a.b-c": true, "aXc": false, "exact": true, "exactly": false, "ab": false, "abcb": false,
        ]
        for (name, expected) in cases {
            guard let name = QueueName(name) else { continue }
            #expect(glob.matches(name) == expected, "\(name)")
        }
        #expect(QueueGlob("") == nil)
        #expect(QueueGlob("a,,b") == nil)
        #expect(QueueGlob("A") == nil)
        #expect(QueueGlob.everything.isEverything)
        #expect(QueueGlob("a,**")?.isEverything == true)
        #expect(!glob.isEverything)
        let long = try #require(QueueGlob(String(repeating: "a*", count: 31)))
        #expect(!long.matches(try #require(QueueName(String(repeating: "a", count: 30)))))
    }

    @Test(arguments: ["0.0.0.0", "::", "192.168.1.4", "example.com", "127.0.0.256", "127.1", "localhost.example"])
    func `an address that others reach needs tokens before anything listens`(host: String) async throws {
        try await withStore { harness in
            var settings = ServerSettings()
            settings.host = host
            let logger = Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }
            for tokens in [nil, TokenSource(try TokenTable(""))] {
                let error = try #require(throws: ServerConfigurationError.self) {
                    try MartletServer(
                        store: harness.store, settings: settings, tokens: tokens, downloads: testCatalog, logger: logger
                    )
                }
                #expect("\(error)".contains("AUTH_TOKENS_FILE"))
            }
            let table = TokenSource(try TokenTable(try newToken().line))
            #expect(throws: Never.self) {
                try MartletServer(
                    store: harness.store, settings: settings, tokens: table, downloads: testCatalog, logger: logger)
            }
        }
    }

    @Test func `settings that cannot work are refused`() {
        var settings = ServerSettings()
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            settings.host = host
            #expect(throws: Never.self) { try settings.check(tokens: nil) }
        }
        settings.port = 65_536
        #expect(throws: ServerConfigurationError.self) { try settings.check(tokens: nil) }
        settings.port = 0
        settings.defaultConcurrency = 11
        #expect(throws: ServerConfigurationError.self) { try settings.check(tokens: nil) }
    }

    @Test func `without tokens only names of this machine are answered`() async throws {
        try await withServer { server in
            for host in ["localhost", "localhost:\(server.port)", "127.0.0.1:1", "[::1]:80", "LOCALHOST"] {
                #expect(try await server.get("/api/v1/stats", headers: [("host", host)]).status == 200, "\(host)")
            }
            for host in ["evil.example", "127.0.0.1.evil.example", "[::2]", "localhost.evil.example:80"] {
                let answer = try await server.get("/api/v1/stats", headers: [("host", host)])
                #expect(answer.status == 403, "\(host)")
                #expect(answer["code"] == "foreign-host")
            }
        }
    }

    @Test(arguments: [
        ("http://evil.example/api/v1/stats", "localhost", "403"),
        ("http://localhost/api/v1/stats", "evil.example", "200"),
        ("HTTP://LOCALHOST:80/api/v1/stats", "evil.example", "200"),
        ("https://[::1]/api/v1/stats", "evil.example", "200"),
        ("http://evil.example", "localhost", "403"), ("http://evil.example?a", "localhost", "403"),
        ("http://localhost@evil.example/livez", "localhost", "400"),
        ("http://evil.example@localhost/livez", "localhost", "400"), ("http:///livez", "localhost", "400"),
        (#"http://localhost\.evil.example/livez"#, "localhost", "400"),
    ])
    func `a whole URL as target is judged by its own host, whatever Host says`(
        _ target: String, _ host: String, _ status: String
    ) async throws {
        try await withServer { server in
            let raw = try await RawConnection(port: server.port).exchange([
                "GET \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n"
            ])
            #expect(raw.hasPrefix("HTTP/1.1 \(status) "), "\(raw)")
        }
    }

    @Test func `a page of another site cannot pass by a whole URL as target`() async throws {
        try await withServer { server in
            for (target, host) in [("http://localhost", "evil.example"), ("http://127.0.0.1", "evil.example")] {
                let raw = try await RawConnection(port: server.port).exchange([
                    "POST \(target)/api/v1/pause HTTP/1.1\r\nHost: \(host)\r\nOrigin: http://\(host)\r\n"
                        + "Content-Length: 0\r\nConnection: close\r\n\r\n"
                ])
                #expect(raw.hasPrefix("HTTP/1.1 403 ") && raw.contains("cross-site"), "\(raw)")
            }
        }
    }

    @Test func `requests that another site's page sends are refused where they could change something`() async throws {
        try await withServer { server in
            let refused: [(String, String)] = [
                ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example"),
                ("origin", "null"),
            ]
            for header in refused {
                let answer = try await server.post("/api/downloads/pause", headers: [header])
                #expect(answer.status == 403)
                #expect(answer["code"] == "cross-site")
                #expect(try await server.get("/api/downloads/status", headers: [header]).status == 200)
            }
            for header in [
                ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"),
                ("origin", "http://127.0.0.1:\(server.port)"),
            ] {
                #expect(try await server.post("/api/downloads/pause", headers: [header]).status == 200)
            }
        }
    }
}
