// POST /api/v1/jobs and /api/v1/jobs/bulk.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct JobPushTests {
    @Test func `a job is pushed with every field, and read back`() async throws {
        try await withServer { server in
            let body = """
                {"type":"mail","payload":{"to":"Ada","n":[1,2.50,1e3]},"queue":"post","priority":-3,"delay_seconds":1.5,
                "max_retries":7,"backoff":{"base_seconds":2,"factor":3,"cap_seconds":60,"jitter":0.1},
                "timeout_seconds":30,"id":"mail-1","unique_key":"u","tags":["a","b c"],"metadata":{"who":"me"},
                "limits":["host:a b",{"key":"tenant:7","weight":1000},{"weight":1,"key":"t:ü"}]}
                """
            let answer = try await server.post("/api/v1/jobs", body)
            #expect(answer.status == 201, "\(answer.text)")
            #expect(answer.headers.first(name: "location") == "/api/v1/jobs/mail-1?queue=post")
            #expect(answer["state"] == "scheduled")
            #expect(answer["queue"] == "post")
            let job = try await server.get("/api/v1/jobs/mail-1")
            #expect(job.int("priority") == -3)
            #expect(job.int("max_retries") == 7)
            #expect(job.int("timeout_seconds") == 30)
            #expect(job["unique_key"] == "u")
            #expect(job.strings("tags") == ["a", "b c"])
            let keys = job.json["limits"] as? [Any]
            #expect(keys?.first as? String == "host:a b" && keys?.last as? String == "t:ü" && keys?.count == 3)
            #expect((keys?[1] as? [String: Any])?["weight"] as? Int == 1000)
            #expect((job.json["metadata"] as? [String: Any])?["who"] as? String == "me")
            #expect((job.json["backoff"] as? [String: Any])?["factor"] as? Double == 3)
            #expect(job["due_at"] != nil)
            let id = try #require(JobID("mail-1"))
            let record = try #require(try await server.harness.queue("post").job(id))
            #expect(record.limits == ["host:a b", LimitKey("tenant:7", weight: 1000), "t:ü"])
            #expect(record.retryPolicy == RetryPolicy(base: .seconds(2), factor: 3, cap: .seconds(60), jitter: 0.1))
        }
    }

    @Test(arguments: [
        #"{"type":"t"}"#, #"{"type":"t","priority":7,"max_retries":0,"tags":["a"],"payload":[1, 2]}"#,
        #"{"type":"t","timeout_seconds":1.5,"unique_key":"u","metadata":{"a":1},"backoff":{"factor":3}}"#,
        #"{"type":"t","delay_seconds":60}"#, #"{"type":"t","id":"mine"}"#,
    ])
    func `the answer to a push equals a read of the job`(body: String) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", body)
            #expect(answer.status == 201, "\(answer.text)")
            let id = try #require(answer["id"])
            #expect(try await server.get("/api/v1/jobs/\(id)").text == answer.text)
        }
    }

    @Test func `the payload reaches the worker byte for byte as it was sent`() async throws {
        try await withServer { server in
            let payload = "{ \"b\" : 1.0,\n\t\"a\":\"\\u00e9 é \\/ \\ud83d\\ude00\", \"b\":[ ] }"
            let answer = try await server.post("/api/v1/jobs", "{\"type\":\"t\",\"payload\": \(payload) }")
            #expect(answer.status == 201)
            let job = try #require(try await server.claim(from: server.harness.queue("default")).first)
            #expect(String(decoding: job.payload, as: UTF8.self) == payload)
        }
    }

    @Test func `without a payload it is an empty object, and the queue is default`() async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", #"{"type":"t","priority":null}"#)
            #expect(answer.status == 201)
            #expect(answer["queue"] == "default")
            #expect((answer.json["payload"] as? [String: Any])?.isEmpty == true)
        }
    }

    @Test func `run_at is a moment, and in the past it means now`() async throws {
        try await withServer { server in
            let past = try await server.post("/api/v1/jobs", #"{"type":"t","run_at":"2001-01-01T00:00:00Z"}"#)
            #expect(past["state"] == "queued")
            let soon = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 3600).rounded())
            let later = try await server.post(
                "/api/v1/jobs", "{\"type\":\"t\",\"run_at\":\"\(soon.ISO8601Format())\"}")
            #expect(later["state"] == "scheduled")
            let due = try #require(later["due_at"])
            let date = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(due)
            #expect(abs(date.timeIntervalSince(soon)) < 0.001)
        }
    }

    @Test(arguments: [
        ("{}", "/type"), (#"{"type":""}"#, "/type"), (#"{"type":"a\nb"}"#, "/type"), (#"{"type":5}"#, "/type"),
        (#"{"type":"download"}"#, "/type"), (#"{"type":"t","queue":"No"}"#, "/queue"),
        (#"{"type":"t","queue":"a}b"}"#, "/queue"), (#"{"type":"t","id":"a b"}"#, "/id"),
        (#"{"type":"t","id":"é"}"#, "/id"), (#"{"type":"t","id":""}"#, "/id"),
        (#"{"type":"t","id":null}"#, "/id"), (#"{"type":"t","id":7}"#, "/id"),
        (#"{"type":"t","claims":9}"#, "/claims"), (#"{"type":"t","token":"x"}"#, "/token"),
        (#"{"type":"t","a/b~":9}"#, "/a~1b~0"), (#"{"type":"t","type":"u"}"#, "/type"),
        (#"{"type":"t","delay_seconds":31536001}"#, "/delay_seconds"),
        (#"{"type":"t","delay_seconds":"1"}"#, "/delay_seconds"),
        (#"{"type":"t","run_at":"tomorrow"}"#, "/run_at"),
        (#"{"type":"t","run_at":"2026-02-30T00:00:00Z"}"#, "/run_at"),
        (#"{"type":"t","run_at":"2999-01-01T00:00:00Z"}"#, "/run_at"),
        (#"{"type":"t","run_at":"2999-01-01T00:00:00Z","delay_seconds":1}"#, "/run_at"),
        (#"{"type":"t","max_retries":-1}"#, "/max_retries"), (#"{"type":"t","timeout_seconds":0}"#, "/timeout_seconds"),
        (#"{"type":"t","tags":["","x"]}"#, "/tags"), (#"{"type":"t","tags":"x"}"#, "/tags"),
        (#"{"type":"t","tags":["a\nb"]}"#, "/tags"), (#"{"type":"t","metadata":[]}"#, "/metadata"),
        (#"{"type":"t","backoff":{"factor":0.5}}"#, "/backoff/factor"),
        (#"{"type":"t","backoff":{"speed":1}}"#, "/backoff/speed"), (#"{"type":"t","backoff":3}"#, "/backoff"),
        (#"{"type":"t","unique_key":""}"#, "/unique_key"), (#"{"type":"t","id":"."}"#, "/id"),
        (#"{"type":"t","id":".."}"#, "/id"), (#"{"type":"t","id":"...."}"#, "/id"),
        (#"{"type":"a\u009bb"}"#, "/type"), (#"{"type":"a\u202eb"}"#, "/type"),
        (#"{"type":"t","unique_key":"a\u2066"}"#, "/unique_key"), (#"{"type":"t","tags":["a\u0085"]}"#, "/tags"),
        (#"{"type":"t","limits":"host:a"}"#, "/limits"), (#"{"type":"t","limits":["host"]}"#, "/limits"),
        (#"{"type":"t","limits":["Host:a"]}"#, "/limits"), (#"{"type":"t","limits":["host:"]}"#, "/limits"),
        (#"{"type":"t","limits":["host:*"]}"#, "/limits"), (#"{"type":"t","limits":["host: a"]}"#, "/limits"),
        (#"{"type":"t","limits":["host:a\n"]}"#, "/limits"), (#"{"type":"t","limits":["type:t"]}"#, "/limits"),
        (#"{"type":"t","limits":["a:1","a:1"]}"#, "/limits"), (#"{"type":"t","limits":[7]}"#, "/limits/0"),
        (#"{"type":"t","limits":["a:1",{"key":"b:1","weight":0}]}"#, "/limits/1/weight"),
        (#"{"type":"t","limits":[{"key":"b:1","weight":1001}]}"#, "/limits/0/weight"),
        (#"{"type":"t","limits":[{"weight":1}]}"#, "/limits/0/key"),
        (#"{"type":"t","limits":["a:1","a:2","a:3","a:4","a:5","a:6","a:7","a:8","a:9"]}"#, "/limits"),
    ])
    func `a bad field of a job is 422 and named, and nothing is pushed`(body: String, pointer: String) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", body)
            #expect(answer.status == 422, "\(answer.text)")
            #expect(answer.pointers.contains(pointer), "\(answer.text)")
            #expect(try await server.store.queueNames().isEmpty)
        }
    }

    @Test func `all faults of a request are named at once`() async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", #"{"priority":1.5,"max_retries":"x","odd":1}"#)
            #expect(answer.pointers == ["/type", "/priority", "/max_retries", "/odd"])
        }
    }

    @Test func `a payload at its limit is accepted, one byte more is 413`() async throws {
        try await withServer { server in
            let fits = "\"" + String(repeating: "x", count: (256 << 10) - 2) + "\""
            #expect(try await server.post("/api/v1/jobs", "{\"type\":\"t\",\"payload\":\(fits)}").status == 201)
            let answer = try await server.post(
                "/api/v1/jobs", "{\"type\":\"t\",\"payload\":\(fits) }".replacing("xx\"", with: "xxx\""))
            #expect(answer.status == 413)
            #expect(answer["code"] == "too-large")
        }
    }

    @Test func `Idempotency: the same id and body is 200 and the same job, another body is 409`() async throws {
        try await withServer { server in
            let body = #"{"type":"t","id":"order:1","payload":{"a":1,"b":2}}"#
            #expect(try await server.post("/api/v1/jobs", body).status == 201)
            let again = try await server.post(
                "/api/v1/jobs", #"{ "payload":{"b":2,"a":1}, "id":"order:1","type":"t" }"#)
            #expect(again.status == 200)
            #expect(again["id"] == "order:1")
            let other = try await server.post("/api/v1/jobs", #"{"type":"t","id":"order:1"}"#)
            #expect(other.status == 409)
            #expect(other["code"] == "idempotency-conflict")
            #expect(try await server.claim(5, from: server.harness.queue("default")).count == 1)
        }
    }

    @Test func `Idempotency: run_at and delays do not make another request of the same one`() async throws {
        try await withServer { server in
            let soon = Date(timeIntervalSinceNow: 100).ISO8601Format()
            let body = "{\"type\":\"t\",\"id\":\"x\",\"run_at\":\"\(soon)\"}"
            #expect(try await server.post("/api/v1/jobs", body).status == 201)
            try await Task.sleep(for: .milliseconds(20))
            #expect(try await server.post("/api/v1/jobs", body).status == 200)
        }
    }

    @Test func `a unique key that another job holds is 409 with the holder`() async throws {
        try await withServer { server in
            let body = #"{"type":"t","unique_key":"only"}"#
            let first = try await server.post("/api/v1/jobs", body)
            let second = try await server.post("/api/v1/jobs", body)
            #expect(second.status == 409)
            #expect(second["code"] == "unique-key-taken")
            #expect(second["holder"] == first["id"])
        }
    }

    @Test func `a bulk push is all or nothing and keeps its order`() async throws {
        try await withServer { server in
            let jobs = (0..<700).map { "{\"type\":\"t\",\"payload\":\($0)}" }.joined(separator: ",")
            let answer = try await server.post("/api/v1/jobs/bulk", "{\"jobs\":[\(jobs)]}")
            #expect(answer.status == 201)
            #expect(answer.int("created") == 700)
            let ids = answer.list("results").compactMap { $0["id"] as? String }
            let claimed = try await server.claim(128, from: server.harness.queue("default"))
            #expect(claimed.map(\.id.description) == Array(ids.prefix(128)))
            let bad = try await server.post(
                "/api/v1/jobs/bulk", #"{"jobs":[{"type":"t"},{"type":""},{"type":"t","odd":1}],"atomic":true}"#)
            #expect(bad.status == 422)
            #expect(bad.pointers == ["/jobs/1/type", "/jobs/2/odd"])
            let taken = try await server.post(
                "/api/v1/jobs/bulk", #"{"jobs":[{"type":"t","unique_key":"a"},{"type":"t","unique_key":"a"}]}"#)
            #expect(taken.status == 409)
            #expect(taken.int("index") == 1)
            #expect(taken.int("holder_index") == 0)
            #expect(taken["holder"] == nil, "a job that was not made has no id")
            #expect(taken.pointers == ["/jobs/1/unique_key"])
            let queues = #"{"jobs":[{"type":"t"},{"type":"t","queue":"other"}]}"#
            #expect(try await server.post("/api/v1/jobs/bulk", queues).status == 422)
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 700)
        }
    }

    @Test func `a bulk push that is not atomic answers for each job`() async throws {
        try await withServer { server in
            let body = """
                {"atomic":false,"jobs":[{"type":"t","id":"a"},{"type":""},{"type":"t","id":"a"},
                {"type":"u","id":"a"},{"type":"t","queue":"other","unique_key":"k"},
                {"type":"t","queue":"other","unique_key":"k"}]}
                """
            let answer = try await server.post("/api/v1/jobs/bulk", body)
            #expect(answer.status == 201)
            let words = answer.list("results").compactMap { $0["status"] as? String }
            #expect(words == ["created", "invalid", "existing", "conflict", "created", "unique-key-taken"])
            #expect(answer.int("created") == 2)
            #expect(answer.int("existing") == 1)
            #expect(answer.int("failed") == 3)
            let again = try await server.post("/api/v1/jobs/bulk", #"{"atomic":false,"jobs":[{"type":"t","id":"a"}]}"#)
            #expect(again.status == 200)
        }
    }

    @Test func `lines of JSON are pushed one by one, or all or nothing when asked for`() async throws {
        try await withServer { server in
            let lines = "{\"type\":\"t\"}\n\n{\"type\":\"u\"}\r\n{nope\n"
            let answer = try await server.send(.POST, "/api/v1/jobs/bulk", lines, type: "application/x-ndjson")
            #expect(answer.status == 201)
            #expect(answer.list("results").compactMap { $0["status"] as? String } == ["created", "created", "invalid"])
            #expect(answer.list("results").last?["line"] as? Int == 4, "as an editor counts, blank lines too")
            let taken = try await server.send(
                .POST, "/api/v1/jobs/bulk", "\n{\"type\":\"t\",\"id\":\"a\"}\n{\"type\":\"u\",\"id\":\"a\"}\n",
                type: "application/x-ndjson")
            #expect(
                taken.list("results").map { $0["line"] as? Int } == [nil, 3], "also of those that are no fault of form")
            let atomic = try await server.send(.POST, "/api/v1/jobs/bulk?atomic=true", lines, type: "application/jsonl")
            #expect(atomic.status == 422)
            #expect(atomic.pointers == [""])
            #expect(atomic.list("errors").first?["line"] as? Int == 4)
            #expect(atomic["detail"]?.hasPrefix("line 4: the value ") == true)
            let fine = try await server.send(
                .POST, "/api/v1/jobs/bulk?atomic=true", "{\"type\":\"t\"}\n", type: "application/x-ndjson")
            #expect(fine.status == 201)
        }
    }

    @Test func `a bad bulk push is refused`() async throws {
        try await withServer(settings: { $0.batchLimit = 2 }) { server in
            let cases: [(String, String, Int)] = [
                ("", #"{"jobs":[]}"#, 422), ("", "{}", 422), ("", #"{"jobs":7}"#, 422),
                ("", #"{"jobs":[{"type":"t"},{"type":"t"},{"type":"t"}]}"#, 413), ("?atomic=maybe", "{}", 422),
                ("", #"{"jobs":[{"type":"t"}],"x":1}"#, 422), ("", "[]", 422), ("", "", 400),
            ]
            for (query, body, status) in cases {
                let answer = try await server.post("/api/v1/jobs/bulk\(query)", body)
                #expect(answer.status == status, "\(body)")
            }
        }
    }
}
