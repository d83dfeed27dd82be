// The edge: what is not a request, what is too large or too slow, and what every answer carries.

import CoreMetrics
import Foundation
import Logging
import MartletHTTP
import MartletJobs
import MartletQueue
import MartletTelemetry
import NIOHTTP1
import TestSupport
import Testing

@Suite struct WireTests {
    @Test func `an unknown path is 404, a wrong method 405 with Allow`() async throws {
        try await withServer { server in
            for path in [
                "/", "/api", "/api/downloads/a/b/c", "/api//downloads", "/api/v1/jobs/a/explode", "/api/v2/jobs",
            ] {
                let answer = try await server.get(path)
                #expect(answer.status == 404, "\(path)")
                #expect(answer["code"] == "not-found")
                #expect(answer["instance"] == path)
            }
            let answer = try await server.send(.DELETE, "/api/v1/jobs")
            #expect(answer.status == 405)
            #expect(answer.headers.first(name: "allow") == "GET, HEAD, OPTIONS, POST")
            let slashed = try await server.send(.PUT, "/api/downloads/")
            #expect(slashed.headers.first(name: "allow") == "GET, HEAD, OPTIONS, POST")
        }
    }

    @Test func `every error is a problem with type, title, status, detail, instance, code and request id`() async throws
    {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs?x=<b>", "{}", headers: [("x-request-id", "my-1")])
            #expect(answer.headers.first(name: "content-type") == "application/problem+json")
            #expect(answer["type"] == "/problems/invalid-request")
            #expect(answer["title"] == "Unprocessable Content")
            #expect(answer.int("status") == 422)
            #expect(answer["detail"] != nil)
            #expect(answer["instance"] == "/api/v1/jobs")
            #expect(answer["request_id"] == "my-1")
            #expect(answer.headers.first(name: "x-request-id") == "my-1")
            #expect(!answer.text.contains("<b>"))
        }
    }

    @Test func `a request id that is not safe is replaced`() async throws {
        try await withServer { server in
            for bad in ["a b", "\"x\"", String(repeating: "x", count: 129)] {
                let id = try await server.get("/livez", headers: [("x-request-id", bad)]).headers.first(
                    name: "x-request-id")
                #expect(id != bad)
                #expect(id?.count == 26)
            }
        }
    }

    @Test func `answers forbid caching and content sniffing`() async throws {
        try await withServer { server in
            let answer = try await server.get("/livez")
            #expect(answer.headers.first(name: "cache-control") == "no-store")
            #expect(answer.headers.first(name: "x-content-type-options") == "nosniff")
            #expect(answer.headers.first(name: "content-type") == "application/json")
        }
    }

    @Test func `HEAD answers as GET does, without the body`() async throws {
        try await withServer { server in
            let raw = try await RawConnection(port: server.port).exchange(
                ["HEAD /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"])
            #expect(raw.hasPrefix("HTTP/1.1 200"))
            #expect(raw.lowercased().contains("content-length: 15"))
            #expect(raw.hasSuffix("\r\n\r\n"))
        }
    }

    @Test(arguments: [
        "GET /api/v1/stats HTTP/1.1\r\n\r\n", "GET /livez HTTP/1.1\r\n\r\n", "GET /api/v1/stats HTTP/1.0\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET /api/v1/stats HTTP/1.1\r\nHost:\r\n\r\n",
        "POST /api/downloads/pause HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ])
    func `a request without exactly one Host is 400`(request: String) async throws {
        try await withServer { server in
            let raw = try await RawConnection(port: server.port).exchange([request]) { $0.hasSuffix("}") }
            #expect(raw.hasPrefix("HTTP/1.1 400"), "\(raw)")
            #expect(raw.contains("missing-host"))
        }
    }

    @Test func `a request without a Host behind another is not answered, and the other one is`() async throws {
        try await withServer { server in
            let raw = try await RawConnection(port: server.port).exchange([
                "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api/v1/stats HTTP/1.1\r\n\r\n"
            ])
            #expect(raw.hasPrefix("HTTP/1.1 200"), "\(raw)")
            #expect(!raw.contains("total_jobs"))
        }
    }

    @Test(arguments: ["/livez", "/readyz", "/health", "/ready"])
    func `a probe over HTTP 1.0 needs no Host`(path: String) async throws {
        try await withServer { server in
            let raw = try await RawConnection(port: server.port).exchange(["GET \(path) HTTP/1.0\r\n\r\n"])
            // A machine that is busy with other tests may be slow to find Redis.
            #expect(raw.hasPrefix("HTTP/1.1 200") || raw.contains("not-ready"), "\(raw)")
        }
    }

    @Test func `OPTIONS lists the methods of a path`() async throws {
        let token = try newToken("t", [.read])
        try await withServer(tokens: token.line) { server in
            for (path, methods) in [
                ("/livez", "GET, HEAD, OPTIONS"), ("/api/v1/jobs", "GET, HEAD, OPTIONS, POST"),
                ("/api/v1/jobs/x", "DELETE, GET, HEAD, OPTIONS, PATCH"), ("/api/v1/pause", "OPTIONS, POST"),
            ] {
                let answer = try await server.send(.OPTIONS, path)
                #expect(answer.status == 204 && answer.body.isEmpty, "\(path)")
                #expect(answer.headers.first(name: "allow")?.contains(methods) ?? false, "\(path) \(answer.headers)")
                #expect(answer.headers["content-length"].isEmpty)
            }
            #expect(try await server.send(.OPTIONS, "/nothing").status == 404)
            let raw = try await RawConnection(port: server.port).exchange([
                "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            ])
            #expect(raw.hasPrefix("HTTP/1.1 204"), "\(raw)")
        }
    }

    @Test(arguments: ["text/plain", "application/x-www-form-urlencoded", "application/x-ndjson", nil])
    func `a body of another type is 415`(type: String?) async throws {
        try await withServer { server in
            let answer = try await server.send(.POST, "/api/v1/jobs", #"{"type":"t"}"#, type: type)
            #expect(answer.status == 415)
            #expect(answer["code"] == "wrong-type")
        }
    }

    @Test func `a compressed body is 415, JSON by any of its names is taken`() async throws {
        try await withServer { server in
            let zipped = try await server.post("/api/v1/jobs", "xx", headers: [("content-encoding", "gzip")])
            #expect(zipped.status == 415)
            #expect(zipped["code"] == "encoded-body")
            for type in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"] {
                #expect(try await server.send(.POST, "/api/v1/jobs", #"{"type":"t"}"#, type: type).status == 201)
            }
            #expect(try await server.send(.POST, "/api/v1/jobs/bulk", "{}", type: "text/csv").status == 415)
        }
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "'x'", "tru", "nulll", "1 2", "\u{FEFF}{}", "\"\t\"",
        "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "-", "1.", "1e", "00", "{\"a\":}",
    ])
    func `what is not well-formed JSON is 400`(body: String) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", body)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(answer["code"] == "malformed-json")
        }
    }

    @Test func `unbounded nesting is 400`() async throws {
        try await withServer { server in
            for depth in [129, 400_000] {
                let bomb = String(repeating: "[", count: depth)
                let answer = try await server.post("/api/v1/jobs", bomb)
                #expect(answer.status == 400)
                #expect(try await server.post("/api/v1/jobs", "{\"type\":\"t\",\"payload\":\(bomb)").status == 400)
            }
            let deep = String(repeating: "[", count: 127) + String(repeating: "]", count: 127)
            let keyed = "{\"type\":\"t\",\"id\":\"deep\",\"payload\":\(deep)}"
            #expect(try await server.post("/api/v1/jobs", keyed).status == 201)
            #expect(try await server.post("/api/v1/jobs", keyed).status == 200)
        }
    }

    @Test func `a body beyond its limit is 413, announced or not, and bulk routes take more`() async throws {
        try await withServer { server in
            let large = #"{"type":"t","payload":""# + String(repeating: "x", count: 1 << 20) + "\"}"
            // A client that is too slow to read its refusal while it still sends sees the connection end.
            try await eventually("an announced body is refused") {
                (try? await server.post("/api/v1/jobs", large))?.status == 413
            }
            let head = "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            let announced = try await RawConnection(port: server.port).exchange(
                [head + "Content-Length: 99999999\r\n\r\n{"])
            #expect(announced.hasPrefix("HTTP/1.1 413"))
            #expect(announced.lowercased().contains("connection: close"))
            let chunk = "100000\r\n" + String(repeating: " ", count: 0x100000) + "\r\n"
            try await eventually("a body in chunks is refused") {
                let chunked = try await RawConnection(port: server.port).exchange(
                    [head + "Transfer-Encoding: chunked\r\n\r\n", chunk, chunk, chunk])
                #expect(chunked.isEmpty || chunked.hasPrefix("HTTP/1.1 413"))
                return !chunked.isEmpty
            }
            let bulk = #"{"jobs":[{"type":"t"}]}"# + String(repeating: " ", count: 2 << 20)
            #expect(try await server.post("/api/v1/jobs/bulk", bulk).status == 201)
        }
    }

    @Test func `a body that never ends is cut off`() async throws {
        try await withServer(settings: { $0.bulkLimit = 1 << 16 }) { server in
            let head = "POST /api/downloads/pause HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            let chunk = "8000\r\n" + String(repeating: " ", count: 0x8000) + "\r\n"
            let raw = try await RawConnection(port: server.port).exchange([head] + Array(repeating: chunk, count: 200))
            #expect(raw.hasPrefix("HTTP/1.1 200") || raw.isEmpty)
        }
    }

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", "GET /livez HTTP/1.1\r\nBad Header: x\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\u{0}b\r\n\r\n",
    ])
    func `what is not HTTP is 400 and ends the connection`(request: String) async throws {
        try await withServer { server in
            let raw = try await RawConnection(port: server.port).exchange(
                [request, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"])
            #expect(raw.hasPrefix("HTTP/1.1 400"), "\(raw)")
            #expect(!raw.contains("200 OK"))
            #expect(raw.contains("malformed-http"))
        }
    }

    @Test func `a broken body is 400 and ends the connection`() async throws {
        try await withServer { server in
            let raw = try await RawConnection(port: server.port).exchange([
                "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"
            ])
            #expect(raw.hasPrefix("HTTP/1.1 400"), "\(raw)")
            #expect(raw.contains("malformed-http"))
        }
    }

    @Test func `a head beyond 16 KiB or with very many lines is refused`() async throws {
        try await withServer { server in
            let long = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n"
            let many =
                "GET /livez HTTP/1.1\r\nHost: localhost\r\n"
                + (0..<500).map { "X-\($0): y\r\n" }.joined() + "\r\n"
            for request in [long, many] {
                let raw = try await RawConnection(port: server.port).exchange([request])
                #expect(raw.hasPrefix("HTTP/1.1 431"), "\(raw)")
                #expect(raw.contains("head-too-large"))
            }
        }
    }

    @Test func `a head that does not come in time is 408, a body that does not is cut off`() async throws {
        try await withServer(settings: {
            $0.headDeadline = .seconds(1)
            $0.bodyDeadline = .seconds(1)
        }) { server in
            let start = ContinuousClock.now
            try await eventually("a slow head is answered") {
                let slow = try await RawConnection(port: server.port).exchange(["GET /livez HT"])
                #expect(slow.isEmpty || slow.hasPrefix("HTTP/1.1 408"))
                // On a busy machine not even the first bytes may come in time.
                return !slow.isEmpty
            }
            #expect(ContinuousClock.now - start < .seconds(40))
            let head = "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            let body = try await RawConnection(port: server.port).exchange([head + "Content-Length: 10\r\n\r\n{"])
            #expect(body.isEmpty)
        }
    }

    @Test func `an idle connection is closed, and one that keeps asking is kept`() async throws {
        try await withServer(settings: { $0.idleTimeout = .seconds(2) }) { server in
            let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            // On a busy machine it may pause for too long before it has asked three times.
            try await eventually("it is kept while it asks") {
                let raw = try await RawConnection(port: server.port).exchange([request, request, request])
                return raw.components(separatedBy: "200 OK").count == 4
            }
        }
    }

    @Test func `a client that sends Expect: 100-continue is told to continue`() async throws {
        try await withServer { server in
            let head =
                "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 12\r\n\r\n"
            let raw = try await RawConnection(port: server.port).exchange([head, #"{"type":"t"}"#])
            #expect(raw.hasPrefix("HTTP/1.1 100 Continue"), "\(raw)")
            #expect(raw.contains("201 Created"))
        }
    }

    @Test func `HTTP 1_0 is answered and the connection closed`() async throws {
        try await withServer { server in
            let raw = try await RawConnection(port: server.port).exchange([
                "GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n"
            ])
            #expect(raw.contains("200 OK"))
            #expect(raw.lowercased().contains("connection: close"))
        }
    }

    @Test func `requests and accepted jobs are counted, repeats and refusals are not jobs`() async throws {
        let registry = PrometheusRegistry()
        try await withMetricsFactory(registry) {
            try await withServer { server in
                for _ in 0..<2 { _ = try await server.post("/api/v1/jobs", #"{"type":"t","id":"a","queue":"q"}"#) }
                _ = try await server.post("/api/v1/jobs", #"{"type":"t","id":"a","queue":"q","priority":1}"#)
                _ = try await server.post("/api/v1/jobs/bulk", #"{"jobs":[{"type":"t"},{"type":"u"}]}"#)
                _ = try await server.post("/api/v1/jobs/bulk", #"{"atomic":false,"jobs":[{"type":"u"}]}"#)
                _ = try await server.addDownload()
                _ = try await server.get("/api/v1/jobs/secret-id")
            }
        }
        let text = registry.render()
        for line in [
            #"martlet_jobs_enqueued_total{queue="q",type="t"} 1"#,
            #"martlet_jobs_enqueued_total{queue="default",type="t"} 1"#,
            #"martlet_jobs_enqueued_total{queue="default",type="u"} 2"#,
            #"martlet_jobs_enqueued_total{queue="downloads",type="download"} 1"#,
            #"martlet_http_requests_total{method="POST",route="/api/v1/jobs",status="409"} 1"#,
            #"martlet_http_request_seconds_count{method="GET",route="/api/v1/jobs/{id}"} 1"#,
        ] { #expect(text.contains(line + "\n"), "\(line)\n\(text)") }
        #expect(!text.contains("secret-id"))
    }

    @Test func `each request leaves one log line without path, query, body or token`() async throws {
        let lines = LogLines()
        let token = try newToken("ada")
        try await withServer(tokens: token.line, logger: lines.logger) { server in
            let caller = server.with(token: token.secret)
            _ = try await caller.post(
                "/api/v1/jobs", #"{"type":"t","payload":"canary"}"#, headers: [("x-request-id", "req-1")])
            _ = try await caller.get("/api/v1/jobs/canary-id?queue=canary-queue")
            _ = try await caller.get("/canary-path")
        }
        let requests = lines.all.filter { $0.hasPrefix("request ") }
        #expect(requests.count == 3)
        let first = try #require(requests.first)
        for word in [
            "request_id=req-1", "method=POST", "route=/api/v1/jobs", "status=201", "duration_ms=", "caller=ada",
        ] {
            #expect(first.contains(word), "\(first)")
        }
        #expect(requests.last?.contains("route=unmatched") == true)
        #expect(!lines.all.joined().contains("canary"))
        #expect(!lines.all.joined().contains(token.secret))
    }
}
