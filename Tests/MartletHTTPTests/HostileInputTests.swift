// Values that no honest caller sends, on every route that takes them: each is refused by name and changes no byte.

import Foundation
import HTTPTypes
import MartletJobs
import MartletRedis
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP
@testable import MartletQueue

@Suite struct HostileInputTests {
    static let badIDs = [
        "a\u{0}b", "a\r\nb", "a b", "😀", "\u{E9}", "e\u{301}", "a/b", "a\\b", "{x}", "a}b", "*", "a?b", "[a]", "`x`",
        "<b>", "\u{202E}a", "\u{FEFF}a", "％", String(repeating: "x", count: 129), String(repeating: "x", count: 10_000),
    ]

    /// Rows 111 and 112.
    @Test(arguments: badIDs)
    func `an id outside its alphabet is refused wherever one may stand`(_ id: String) async throws {
        try await withServer { server in
            let json = String(decoding: try JSONEncoder().encode(id), as: UTF8.self)
            let pushed = try await server.post("/api/v1/jobs", #"{"type":"t","id":\#(json)}"#)
            #expect(pushed.status == 422)
            #expect(pushed.pointers == ["/id"])
            var allowed = CharacterSet.alphanumerics
            allowed.insert(charactersIn: "-._~")
            let escaped = try #require(id.addingPercentEncoding(withAllowedCharacters: allowed))
            for (method, path) in [
                (HTTPMethod.GET, "/api/v1/jobs/\(escaped)"), (.POST, "/api/v1/jobs/\(escaped)/cancel"),
                (.DELETE, "/api/v1/jobs/\(escaped)"), (.GET, "/api/downloads/\(escaped)"),
                (.POST, "/api/downloads/\(escaped)/pause"),
            ] {
                #expect(try await server.send(method, path).status == 422, "\(method) \(path.prefix(80))")
            }
            let action = try await server.post("/api/v1/jobs/actions", #"{"action":"cancel","ids":[\#(json)]}"#)
            #expect(action.status == 200 && action.int("failed") == 1)
            #expect(JobID(id) == nil)
            #expect(try await server.store.queueNames().isEmpty, "no key was written")
        }
    }

    /// Rows 111 to 113.
    @Test(arguments: [
        "}", "a}b", "{a}", "A", "-a", ".a", "a b", "a\r\nb", "\u{E9}", "e\u{301}", "a:b", "a*", "a/b",
        String(repeating: "a", count: 65), String(repeating: "a", count: 10_000),
    ])
    func `a queue's name outside its alphabet is refused wherever one may stand`(_ name: String) async throws {
        try await withServer { server in
            let json = String(decoding: try JSONEncoder().encode(name), as: UTF8.self)
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t","queue":\#(json)}"#).status == 422)
            let bulk = #"{"jobs":[{"type":"t","queue":\#(json)}]}"#
            #expect(try await server.post("/api/v1/jobs/bulk", bulk).status == 422)
            let escaped = try #require(name.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
            for (method, path, body) in [
                (HTTPMethod.GET, "/api/v1/queues/\(escaped)", nil), (.PUT, "/api/v1/queues/\(escaped)", "{}"),
                (.POST, "/api/v1/queues/\(escaped)/pause", nil), (.GET, "/api/v1/jobs?queue=\(escaped)", nil),
                (.GET, "/api/v1/jobs/x?queue=\(escaped)", nil),
            ] as [(HTTPMethod, String, String?)] {
                #expect(try await server.send(method, path, body).status == 422, "\(method) \(path.prefix(80))")
            }
            #expect(QueueName(name) == nil)
            #expect(try await server.store.queueNames().isEmpty, "no key was written")
        }
    }

    @Test func `bytes that are not UTF-8 are refused in bodies and paths`() async throws {
        try await withServer { server in
            for path in ["/api/v1/jobs/%ff", "/api/v1/jobs/%c0%80", "/api/downloads/%ed%a0%80", "/api/v1/queues/%ff"] {
                let raw = try await RawConnection(port: server.port).exchange([
                    "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                ])
                #expect(raw.hasPrefix("HTTP/1.1 422"), "\(path): \(raw)")
            }
            #expect(try await server.post("/api/v1/jobs", "{\"type\":\"\u{0}\"}").status == 400)
            let length = #"{"type":"x"}"#.utf8.count
            let head =
                "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Connection: close\r\nContent-Length: \(length)\r\n\r\n{\"type\":\""
            let raw = try await RawConnection(port: server.port).exchange(
                bytes: Array(head.utf8) + [0xFF] + Array("\"}".utf8))
            #expect(raw.hasPrefix("HTTP/1.1 400"), "\(raw)")
        }
    }

    static let numberFields: [(method: HTTPMethod, path: String, field: String, body: String)] = [
        (.POST, "/api/v1/jobs", "priority", #"{"type":"t","priority":#}"#),
        (.POST, "/api/v1/jobs", "delay_seconds", #"{"type":"t","delay_seconds":#}"#),
        (.POST, "/api/v1/jobs", "max_retries", #"{"type":"t","max_retries":#}"#),
        (.POST, "/api/v1/jobs", "timeout_seconds", #"{"type":"t","timeout_seconds":#}"#),
        (.POST, "/api/v1/jobs", "backoff/factor", #"{"type":"t","backoff":{"factor":#}}"#),
        (.POST, "/api/v1/jobs/bulk", "jobs/0/priority", #"{"jobs":[{"type":"t","priority":#}]}"#),
        (.PATCH, "/api/v1/jobs/j", "priority", #"{"priority":#}"#),
        (.PATCH, "/api/v1/jobs/j", "delay_seconds", #"{"delay_seconds":#}"#),
        (.PATCH, "/api/v1/jobs/j", "max_retries", #"{"max_retries":#}"#),
        (.PUT, "/api/v1/queues/default", "concurrency", #"{"concurrency":#}"#),
        (.PUT, "/api/v1/queues/default", "lease_seconds", #"{"lease_seconds":#}"#),
        (.PUT, "/api/v1/queues/default", "ageing_seconds", #"{"ageing_seconds":#}"#),
        (.PUT, "/api/downloads/concurrency", "max_concurrent_downloads", #"{"max_concurrent_downloads":#}"#),
        (.POST, "/api/downloads", "priority", #"{"url":"https://a.example","priority":#}"#),
        (.POST, "/api/downloads", "max_bytes", #"{"url":"https://a.example","max_bytes":#}"#),
        (.POST, "/api/downloads", "delay_seconds", #"{"url":"https://a.example","delay_seconds":#}"#),
        (.POST, "/api/downloads/batch", "priority", #"{"downloads":[{"url":"https://a.example"}],"priority":#}"#),
        (.PATCH, "/api/downloads/j/priority", "priority", #"{"priority":#}"#),
        (.POST, "/api/v1/jobs/actions", "priority", #"{"action":"priority","ids":["j"],"priority":#}"#),
    ]

    @Test(arguments: numberFields.indices)
    func `an invalid or too large number is refused with the name of its field`(_ index: Int) async throws {
        let (method, path, field, body) = Self.numberFields[index]
        try await withServer { server in
            for queue in [server.harness.queue("default"), server.downloads] {
                _ = try await queue.enqueue(NewJob(id: try #require(JobID("j")), type: "t", payload: []))
            }
            let path = path.replacing("/jobs/j", with: "/jobs/j?queue=default")
            let before = try await server.digest()
            for value in ["-1001", "1e400", "9223372036854775808", "-9223372036854775809", "\"1\"", "true", "[]", "{}"]
            {
                let answer = try await server.send(method, path, body.replacing("#", with: value))
                #expect(answer.status == 422, "\(field): \(value) \(answer.text)")
                #expect(answer.pointers.contains("/" + field), "\(field): \(value) \(answer.pointers)")
            }
            for value in ["NaN", "Infinity", "-Infinity", "0x10", "+1", "01", ".5", "1.", "1e", "1_000", "١"] {
                #expect(try await server.send(method, path, body.replacing("#", with: value)).status == 400, "\(value)")
            }
            #expect(try await server.digest() == before, "no byte changed")
        }
    }

    /// Rows 117 and 118.
    @Test(arguments: [1000, -1000, 0])
    func `the score of the farthest priorities is a whole number that a double holds`(_ priority: Int) async throws {
        try await withServer { server in
            #expect(
                try await server.post("/api/v1/jobs", #"{"type":"t","id":"j","queue":"q","priority":\#(priority)}"#)
                    .status == 201)
            let score = try #require(
                try await server.harness.command("ZSCORE", server.harness.key("queued"), "j").string)
            let number = try #require(Int(score), "\(score)")
            #expect(abs(number) < 1 << 53)
            #expect(Int(Double(number)) == number)
        }
    }

    @Test(arguments: [
        "state", "status", "claims", "token", "k", "at", "attempt", "failures", "lost", "created_at", "progress",
        "checkpoint", "result", "error", "digest", "worker", "lease", "want", "retryPolicy", "__proto__", "Priority",
    ])
    func `a field that is not the caller's to set is refused`(_ name: String) async throws {
        try await withServer { server in
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t","id":"j"}"#).status == 201)
            _ = try await server.downloads.enqueue(NewJob(id: try #require(JobID("d")), type: "download", payload: []))
            let before = try await server.digest()
            for (method, path, body) in [
                (HTTPMethod.POST, "/api/v1/jobs", #"{"type":"t","#), (.PATCH, "/api/v1/jobs/j", #"{"priority":1,"#),
                (.PUT, "/api/v1/queues/default", #"{"concurrency":1,"#),
                (.POST, "/api/v1/queues/default/pause", #"{"reason":"x","#),
                (.POST, "/api/downloads", #"{"url":"https://a.example","#),
                (.PATCH, "/api/downloads/d/priority", #"{"priority":1,"#),
                (.PUT, "/api/downloads/concurrency", #"{"max_concurrent_downloads":3,"#),
                (.POST, "/api/v1/jobs/actions", #"{"action":"cancel","ids":["j"],"#),
                (.POST, "/api/downloads/batch-action", #"{"action":"cancel","download_ids":["d"],"#),
            ] {
                let answer = try await server.send(method, path, body + #""\#(name)":1}"#)
                #expect(answer.status == 422, "\(path): \(answer.text)")
                #expect(answer.pointers == ["/\(name)"], "\(path): \(answer.pointers)")
            }
            #expect(try await server.digest() == before, "no byte changed")
        }
    }

    @Test(arguments: [
        "/api/v1/jobs?limit=1e9", "/api/v1/jobs?limit=1000000000", "/api/v1/jobs?limit=201", "/api/v1/jobs?limit=0",
        "/api/v1/jobs?limit=-1", "/api/v1/jobs?limit=9223372036854775808", "/api/v1/jobs?limit=1.5",
        "/api/v1/jobs?limit=0x10", "/api/v1/jobs?limit=NaN", "/api/v1/jobs?limit=%2B1", "/api/v1/jobs?limit=1&limit=2",
        "/api/v1/jobs?offset=9223372036854775807", "/api/v1/jobs?days=1000000000", "/api/v1/jobs?state=.*",
        "/api/v1/jobs?cursor=AAAA",
        "/api/v1/jobs?cursor=" + String(repeating: "A", count: 8000),
        "/api/v1/jobs/j?wait=1e9", "/api/v1/jobs/j?wait=31", "/api/v1/jobs/j?wait=-1", "/api/v1/jobs/j?wait=NaN",
        "/api/downloads?limit=1e9", "/api/downloads?limit=201", "/api/downloads?cursor=x", "/api/downloads?status=.*",
        "/api/v1/stats?days=1000000000", "/api/v1/queues?x=1", "/api/v1/workers?limit=1",
    ])
    func `a query beyond its range or unknown is refused`(_ path: String) async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","id":"j"}"#)
            let answer = try await server.get(path)
            #expect(answer.status == 422, "\(answer.text)")
            #expect(answer["code"] == "invalid-request")
        }
    }

    @Test func `two hundred thousand members, twins and huge numbers are refused in time`() async throws {
        try await withServer { server in
            let start = ContinuousClock.now
            let many = (0..<200_000).map { #""a\#($0)":0"# }.joined(separator: ",")
            #expect(try await server.post("/api/v1/jobs/bulk", "{\(many)}").status == 422)
            #expect(ContinuousClock.now - start < .seconds(20))
            let twins = try await server.post("/api/v1/jobs", #"{"type":"a","type":"b"}"#)
            #expect(twins.status == 422 && twins.pointers == ["/type"])
            // In a payload they are the caller's own affair, and arrive as they were sent.
            let odd = #"{"a":1e999,"a":2,"b":"\u0000"}"#
            #expect(
                try await server.post("/api/v1/jobs", #"{"type":"t","id":"odd","queue":"q","payload":\#(odd)}"#).status
                    == 201)
            let job = try #require(try await server.claim(from: server.harness.queue()).first)
            #expect(String(decoding: job.payload, as: UTF8.self) == odd)
        }
    }

    @Test func `a payload with every byte value reaches the worker unchanged`() async throws {
        try await withServer { server in
            let payload = (0...255).map { UInt8($0) } + Array("\r\n$3\r\nfoo\r\n".utf8)
            let queue = server.harness.queue()
            _ = try await queue.enqueue(NewJob(id: try #require(JobID("j")), type: "t", payload: payload))
            #expect(try await server.claim(from: queue).first?.payload == payload)
            // It is no JSON, so it is shown as text, and the answer is JSON all the same.
            #expect(try await server.get("/api/v1/jobs/j")["payload"] != nil)
        }
    }

    /// Rows 114 and 115.
    @Test(arguments: [
        "]] os.exit() --[[", #"" .. redis.call('FLUSHALL') .. ""#, "'; return redis.call('KEYS','*') --", "${x}", "%00",
        "BADARG\r\n+OK\r\n",
    ])
    func `text that looks like a script or a reply is data`(_ text: String) async throws {
        try await withServer { server in
            let json = String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
            let plain = text.contains("\r") ? "\"t\"" : json
            let body = #"{"type":\#(plain),"id":"j","queue":"q","payload":\#(json),"metadata":{"m":\#(json)}}"#
            let pushed = try await server.post("/api/v1/jobs", body)
            #expect(pushed.status == 201, "\(pushed.text)")
            let queue = server.harness.queue()
            let job = try #require(try await server.claim(from: queue).first)
            #expect(try JSONDecoder().decode(String.self, from: Data(job.payload)) == text)
            try await server.settle(job, .failedForGood(error: text), in: queue)
            let shown = try await server.get("/api/v1/jobs/j")
            #expect(shown["error"] == text)
        }
    }

    /// Rows 131, 132 and 135 (S5).
    @Test func `denied and reading requests change no byte in Redis but the audit trail`() async throws {
        let token = try newToken("t", [.read])
        try await withServer(tokens: token.line) { server in
            for name in ["q", "downloads"] {
                let id = try #require(JobID(name == "q" ? "job" : "download"))
                _ = try await server.harness.queue(name).enqueue(NewJob(id: id, type: "t", payload: []))
            }
            let before = try await server.digest()
            let caller = server.with(token: token.secret)
            for route in Route.all {
                let id = route.template.hasPrefix("/api/downloads") ? "download" : "job"
                let path = route.template.replacing("{id}", with: id).replacing("{queue}", with: "q")
                    .replacing("{key}", with: "host:a")
                let method = route.endingMethod
                let body = route.body.shape == nil ? nil : "{}"
                _ = try await server.send(method, path, body)
                _ = try await server.with(token: token.secret + "x").send(method, path, body)
                _ = try await caller.send(method, path, body)
                #expect(try await server.digest() == before, "\(route.method) \(route.template)")
            }
            let inQuery = try await server.get("/api/v1/stats?token=\(token.secret)&access_token=\(token.secret)")
            #expect(inQuery.status == 401)
        }
    }

    @Test func `without a token health does not mention queues, and there are no metrics`() async throws {
        let token = try newToken("t", [.admin])
        try await withServer(tokens: token.line) { server in
            _ = try await server.with(token: token.secret).post(
                "/api/v1/jobs", #"{"type":"t","queue":"secret-queue","payload":"secret-payload"}"#)
            for path in ["/livez", "/health", "/readyz", "/ready", "/readyz?verbose"] {
                let answer = try await server.get(path)
                #expect(!answer.text.contains("secret"), "\(path)")
                #expect(!answer.text.contains("redis-server") && !answer.text.contains("unix"), "\(path)")
            }
            #expect(try await server.get("/livez").text == #"{"status":"ok"}"#)
            #expect(try await server.get("/metrics").status == 401)
        }
    }
}

extension TestServer {
    /// All that the store holds but the audit trail, which records refusals, in a form that shows any change.
    func digest() async throws -> String {
        var lines: [String] = []
        for key in try await keys() where !key.hasSuffix(":trail") {
            let dump = try await harness.command("DUMP", key)
            lines.append("\(key) \(dump)")
        }
        return lines.joined(separator: "\n")
    }

    private func keys() async throws -> [String] {
        let reply = try await harness.command("KEYS", harness.prefix + ":*")
        return (reply.array ?? []).compactMap(\.string).sorted()
    }
}
