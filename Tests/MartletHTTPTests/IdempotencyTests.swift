// The header Idempotency-Key: what it covers, whose it is, and what becomes of another request under it.

import Foundation
import MartletHTTP
import MartletJobs
import MartletRedis
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct IdempotencyTests {
    private static let key = [("Idempotency-Key", "k1")]
    private static let jobs = "/api/v1/jobs"

    @Test func `the ids under a key are generated, so that nobody can compute them`() async throws {
        let (ada, bob) = (try newToken("ada"), try newToken("bob"))
        try await withServer(tokens: ada.line + "\n" + bob.line) { server in
            var ids: Set<String> = []
            for token in [ada, bob] {
                let own = server.with(token: token.secret)
                let one = try await own.post(Self.jobs, #"{"type":"t"}"#, headers: Self.key)
                #expect(one.status == 201)
                let id = try #require(one["id"])
                #expect(JobID(id)?.generatedAt != nil, "a ULID: \(id)")
                ids.insert(id)
                let many = try await own.post(
                    Self.jobs + "/bulk", #"{"jobs":[{"type":"t"},{"type":"t"}]}"#, headers: [("Idempotency-Key", "k2")])
                let made = many.list("results").compactMap { $0["id"] as? String }
                #expect(made == made.sorted() && made.allSatisfy { JobID(String($0.prefix(26)))?.generatedAt != nil })
                ids.formUnion(made)
            }
            #expect(ids.count == 6, "two callers that use the same key do not meet")
        }
    }

    @Test func `a push under the key of a deleted job is reported as such`() async throws {
        try await withServer { server in
            let first = try await server.post(Self.jobs, #"{"type":"t"}"#, headers: Self.key)
            let id = try #require(first["id"])
            #expect(try await server.post("\(Self.jobs)/\(id)/cancel").status == 200)
            #expect(try await server.send(.DELETE, "\(Self.jobs)/\(id)").status == 200)
            let again = try await server.post(Self.jobs, #"{"type":"t"}"#, headers: Self.key)
            #expect(again.status == 200)
            #expect(again["status"] == "deleted")
            #expect(again["id"] == id)
        }
    }

    @Test(arguments: ["", "é", String(repeating: "x", count: 256)])
    func `a key that is empty, long or not visible is 422`(key: String) async throws {
        try await withServer { server in
            let answer = try await server.post(Self.jobs, #"{"type":"t"}"#, headers: [("Idempotency-Key", key)])
            #expect(answer.status == 422)
            #expect(answer.list("errors").first?["header"] as? String == "Idempotency-Key")
        }
    }

    @Test func `limit keys are the same request however they are spelled, and others are another`() async throws {
        try await withServer { server in
            let first = try await server.post(
                Self.jobs, #"{"type":"t","id":"a","limits":["a:1",{"key":"b:2","weight":3}]}"#)
            #expect(first.status == 201, "\(first.text)")
            let same = #"{"type":"t","id":"a","limits":[{"key":"a:\u0031","weight":1.0},{"weight":3,"key":"b:2"}]}"#
            #expect(try await server.post(Self.jobs, same).status == 200)
            for other in [#""limits":["a:1","b:2"]"#, #""limits":["a:1"]"#, #""limits":[]"#] {
                let answer = try await server.post(Self.jobs, #"{"type":"t","id":"a",\#(other)}"#)
                #expect(answer["code"] == "idempotency-conflict", "\(answer.text)")
            }
            let none = try await server.post(Self.jobs, #"{"type":"t","id":"b"}"#)
            #expect(none.status == 201)
            #expect(try await server.post(Self.jobs, #"{"type":"t","id":"b","limits":[]}"#).status == 200)
        }
    }

    @Test func `two key headers are refused, and nothing is pushed`() async throws {
        try await withServer { server in
            let headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
            let answer = try await server.post(Self.jobs, #"{"type":"t"}"#, headers: headers)
            #expect(answer.status == 422)
            #expect(answer.list("errors").first?["header"] as? String == "Idempotency-Key")
            #expect(try await server.store.queueNames().isEmpty)
        }
    }

    @Test(arguments: [
        #"{"type":"t","payload":{}}"#, #"{"type":"t","priority":null}"#, #"{"type":"t","queue":"default","tags":[]}"#,
        #"{ "priority" : 0, "type" : "\u0074" }"#, #"{"type":"t","max_retries":3,"delay_seconds":0,"backoff":{}}"#,
        #"{"type":"t","metadata":{},"durability":"memory","priority":-0,"delay_seconds":0.0}"#,
        #"{"type":"t","backoff":{"base_seconds":1.0,"factor":2,"cap_seconds":86400,"jitter":0.0}}"#,
    ])
    func `a request with spelled-out defaults is the same request`(same: String) async throws {
        try await withServer { server in
            let first = try await server.post(Self.jobs, #"{"type":"t"}"#, headers: Self.key)
            let again = try await server.post(Self.jobs, same, headers: Self.key)
            #expect(again.status == 200, "\(again.text)")
            #expect(again["id"] == first["id"])
            let own = try await server.post(Self.jobs, #"{"type":"t","id":"mine"}"#)
            #expect(own.status == 201)
            let body = same.replacing("{", with: #"{"id":"mine","#, maxReplacements: 1)
            #expect(try await server.post(Self.jobs, body).status == 200)
        }
    }

    @Test(arguments: [
        (#""delay_seconds":60"#, #""delay_seconds":60.0"#), (#""delay_seconds":60"#, #""delay_seconds":6e1"#),
        (#""timeout_seconds":0.5"#, #""timeout_seconds":0.50"#),
        (#""run_at":"2026-01-31T12:00:00Z""#, #""run_at":"2026-01-31T13:00:00.000+01:00""#),
        (#""backoff":{"factor":3}"#, #""backoff":{"base_seconds":1,"factor":3.0}"#),
    ])
    func `a request with another spelling of a value is the same request`(one: String, other: String) async throws {
        try await withServer { server in
            for more in [#""type":"t","id":"mine""#, #""type":"t""#] {
                let headers = more.contains("mine") ? [] : Self.key
                let first = try await server.post(Self.jobs, "{\(more),\(one)}", headers: headers)
                let again = try await server.post(Self.jobs, "{\(more),\(other)}", headers: headers)
                #expect(first.status == 201 && again.status == 200, "\(again.text)")
                #expect(again["id"] == first["id"])
            }
        }
    }

    @Test(arguments: [
        #"{"type":"u"}"#, #"{"type":"t","queue":"other"}"#, #"{"type":"t","payload":null}"#,
        #"{"type":"t","payload":{"a":1}}"#, #"{"type":"t","priority":1}"#, #"{"type":"t","id":"mine"}"#,
        #"{"type":"t","delay_seconds":0.001}"#, #"{"type":"t","metadata":{"a":1}}"#,
        #"{"type":"t","durability":"fsync"}"#,
        #"{"type":"t","backoff":{"factor":3}}"#,
    ])
    func `another request under a key is 422 and creates nothing, in no queue`(other: String) async throws {
        try await withServer { server in
            #expect(try await server.post(Self.jobs, #"{"type":"t"}"#, headers: Self.key).status == 201)
            let answer = try await server.post(Self.jobs, other, headers: Self.key)
            #expect(answer.status == 422, "\(answer.text)")
            #expect(answer["code"] == "idempotency-key-reused")
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 1)
        }
    }

    @Test func `a key belongs to one route, and covers the whole of a bulk request`() async throws {
        try await withServer { server in
            let body = #"{"jobs":[{"type":"t"},{"type":"u","id":"own"},{"type":"v"}]}"#
            let bulk = Self.jobs + "/bulk"
            let first = try await server.post(bulk, body, headers: Self.key)
            let second = try await server.post(bulk, body, headers: Self.key)
            #expect(first.int("created") == 3)
            #expect(second.status == 200)
            #expect(second.int("existing") == 3)
            let ids = { (answer: Answer) in answer.list("results").compactMap { $0["id"] as? String } }
            #expect(ids(first) == ids(second))
            #expect(ids(first)[1] == "own")
            let others = [
                (bulk, #"{"jobs":[{"type":"t"},{"type":"u","id":"own"}]}"#),
                (bulk, #"{"jobs":[{"type":"t"},{"type":"u","id":"own"},{"type":"v"},{"type":"w","id":"new"}]}"#),
                (bulk + "?atomic=false", body), (Self.jobs, #"{"type":"t"}"#),
                ("/api/downloads", #"{"url":"https://a.example/1"}"#),
            ]
            for (path, body) in others {
                let other = try await server.post(path, body, headers: Self.key)
                #expect(other.status == 422, "\(path): \(other.text)")
                #expect(other["code"] == "idempotency-key-reused")
            }
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 3)
        }
    }

    @Test func `repeated lines under a key return the same jobs, in order`() async throws {
        try await withServer { server in
            let lines = (0..<300).map { "{\"type\":\"t\",\"payload\":\($0)}\n" }.joined()
            func push() async throws -> Answer {
                try await server.send(
                    .POST, Self.jobs + "/bulk", lines, type: "application/x-ndjson", headers: Self.key)
            }
            let first = try await push()
            #expect(first.int("created") == 300)
            #expect(try await push().int("existing") == 300)
            let ids = first.list("results").compactMap { $0["id"] as? String }
            let claimed = try await server.claim(128, from: server.harness.queue("default"))
            #expect(claimed.map(\.id.description) == Array(ids.prefix(128)))
        }
    }

    @Test func `a request that is refused for its fields does not use up its key`() async throws {
        try await withServer { server in
            for (path, wrong, right) in [
                (Self.jobs, #"{"type":""}"#, #"{"type":"t"}"#),
                ("/api/downloads", #"{"url":"http://127.0.0.1/x"}"#, #"{"url":"https://a.example/1"}"#),
            ] {
                let key = [("Idempotency-Key", path)]
                let refused = try await server.post(path, wrong, headers: key)
                #expect(refused.status == 422)
                let pushed = try await server.post(path, right, headers: key)
                #expect(pushed.status == 201, "\(pushed.text)")
            }
        }
    }

    @Test func `a request that the queue refuses has finished, and may be repeated under its key`()
        async throws
    {
        try await withServer { server in
            let body = #"{"type":"t","unique_key":"u"}"#
            let holder = try #require(try await server.post(Self.jobs, body)["id"])
            let refused = try await server.post(Self.jobs, body, headers: Self.key)
            #expect(refused.status == 409)
            #expect(refused["code"] == "unique-key-taken")
            #expect(try await server.post(Self.jobs, #"{"type":"u"}"#, headers: Self.key).status == 422)
            #expect(try await server.post("\(Self.jobs)/\(holder)/cancel").status == 200)
            #expect(try await server.post(Self.jobs, body, headers: Self.key).status == 201)
        }
    }

    @Test func `another request under a key is 409 while the first one is running`() async throws {
        try await withServer { server in
            // What another server keeps while it works on the first one.
            let key = IdempotencyKey("k1", caller: "local")
            guard case .own(let base) = try await server.store.claim(key, for: "first") else {
                Issue.record("a new key is its request's own")
                return
            }
            let early = try await server.post(Self.jobs, #"{"type":"u"}"#, headers: Self.key)
            #expect(early.status == 409, "\(early.text)")
            #expect(early["code"] == "idempotency-in-progress")
            #expect(early.headers.first(name: "retry-after") == "1")
            try await server.store.end(key, of: "first", base: base)
            let late = try await server.post(Self.jobs, #"{"type":"u"}"#, headers: Self.key)
            #expect(late.status == 422)
            let names = try await server.store.queueNames()
            #expect(names.isEmpty, "neither created anything")
        }
    }

    @Test(arguments: [
        (#"{"jobs":[{"type":"a","priority":5000}]}"#, "bulk"),
        (#"{"jobs":[{"type":"a"},{"type":"b","queue":"other"}]}"#, "bulk"), (#"{"jobs":[]}"#, "bulk"),
        (#"{"type":"a","priority":5000}"#, "bulk?atomic=true"),
    ])
    func `a batch that is refused for its fields does not use up its key`(body: String, path: String) async throws {
        try await withServer { server in
            let type = path == "bulk" ? "application/json" : "application/x-ndjson"
            let refused = try await server.send(.POST, "\(Self.jobs)/\(path)", body, type: type, headers: Self.key)
            #expect(refused.status == 422 && refused["code"] != "idempotency-key-reused", "\(refused.text)")
            let mended = try await server.post(Self.jobs + "/bulk", #"{"jobs":[{"type":"a"}]}"#, headers: Self.key)
            #expect(mended.status == 201, "\(mended.text)")
        }
    }

    @Test func `a request answered with 503 has finished, and may be repeated under its key`() async throws {
        try await withServer { server in
            let body = #"{"type":"t"}"#
            #expect(try await server.post(Self.jobs, body).status == 201)
            for (path, request) in [(Self.jobs, body), (Self.jobs + "/bulk?atomic=false", "{\"jobs\":[\(body)]}")] {
                let key = [("Idempotency-Key", path)]
                let meta = "\(server.harness.prefix):{default}:meta"
                _ = try await server.harness.command("HSET", meta, "schema", "99")
                let failed = try await server.post(path, request, headers: key)
                #expect(failed.status == 503, "\(failed.text)")
                #expect(failed.text.contains("not-executed"))
                let other = try await server.post(Self.jobs, #"{"type":"u"}"#, headers: key)
                #expect(other.status == 422 && other["code"] == "idempotency-key-reused", "\(other.text)")
                _ = try await server.harness.command("HSET", meta, "schema", "1")
                let again = try await server.post(path, request, headers: key)
                #expect(again.status == 201, "\(again.text)")
                let repeated = try await server.post(path, request, headers: key)
                #expect(repeated.status == 200, "\(repeated.text)")
            }
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 3)
        }
    }

    @Test func `a request that a full registry refuses has finished`() async throws {
        try await withServer { server in
            #expect(try await server.post(Self.jobs, #"{"type":"t","queue":"first"}"#).status == 201)
            server.store.limitQueues(to: 1)
            let refused = try await server.post(Self.jobs, #"{"type":"t"}"#, headers: Self.key)
            #expect(refused.status == 422 && refused["code"] == "too-many-queues", "\(refused.text)")
            let other = try await server.post(Self.jobs, #"{"type":"u"}"#, headers: Self.key)
            #expect(other["code"] == "idempotency-key-reused", "\(other.text)")
        }
    }

    @Test func `a request with an unknown outcome has finished, and a repeat returns its job`() async throws {
        try await withServerBehindProxy { server, proxy in
            #expect(try await server.post(Self.jobs, #"{"type":"t"}"#).status == 201)
            proxy.add(FaultRule(Fault(.swallow), to: .containing("canary"), times: 2))
            let unknown = try await server.post(Self.jobs, #"{"type":"canary"}"#, headers: Self.key)
            #expect(unknown.status == 503 && unknown["outcome"] == "unknown", "\(unknown.text)")
            proxy.heal()
            try await eventually("the server is back") { server.store.isConnected }
            let other = try await server.post(Self.jobs, #"{"type":"u"}"#, headers: Self.key)
            #expect(other.status == 422, "\(other.text)")
            #expect(try await server.post(Self.jobs, #"{"type":"canary"}"#, headers: Self.key).status == 200)
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 2)
        }
    }

    @Test func `a key whose reply is lost is sent again, and if that fails nothing was pushed`() async throws {
        try await withServerBehindProxy { server, proxy in
            proxy.add(FaultRule(Fault(.swallow), to: .command("SET"), times: 1))
            #expect(try await server.post(Self.jobs, #"{"type":"t"}"#, headers: Self.key).status == 201)
            #expect(proxy.lostReplies == 1)
            proxy.add(FaultRule(Fault(.swallow), to: .command("SET"), times: 2))
            let lost = try await server.post(Self.jobs, #"{"type":"t"}"#, headers: [("Idempotency-Key", "k2")])
            #expect(lost.status == 503)
            #expect(lost["outcome"] == "not-executed")
            proxy.heal()
            let again = try await server.post(Self.jobs, #"{"type":"t"}"#, headers: [("Idempotency-Key", "k2")])
            #expect(again.status == 201)
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 2)
        }
    }

    @Test func `fifty of the same request at once are one job`() async throws {
        try await withServer { server in
            let answers = try await withThrowingTaskGroup(of: Answer.self) { group in
                for _ in 0..<50 {
                    group.addTask { try await server.post(Self.jobs, #"{"type":"t"}"#, headers: Self.key) }
                }
                return try await group.reduce(into: [Answer]()) { $0.append($1) }
            }
            #expect(Set(answers.compactMap { $0["id"] }).count == 1)
            #expect(answers.count { $0.status == 201 } == 1 && answers.count { $0.status == 200 } == 49)
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 1)
        }
    }

    @Test func `a key is kept for a day, or for a minute while its request is not known to have finished`() async throws
    {
        try await withStore { harness in
            let key = IdempotencyKey("k", caller: "ada")
            guard case .own(let base) = try await harness.store.claim(key, for: "one") else {
                Issue.record("a new key is its request's own")
                return
            }
            #expect(try await harness.store.claim(key, for: "one") == .own(base))
            #expect(try await harness.store.claim(key, for: "two") == .running)
            let keys = try await harness.command("KEYS", "\(harness.prefix):{idempotency:*").array ?? []
            let name = try #require(keys.first?.string)
            #expect(keys.count == 1 && !name.contains("ada"))
            let rest = try #require(try await harness.command("PTTL", name).int)
            #expect((86_300_000...86_400_000).contains(rest))
            try await harness.command("PEXPIRE", name, String(86_400_000 - 61_000))
            #expect(try await harness.store.claim(key, for: "two") == .ended)
            try await harness.command("PEXPIRE", name, "86400000")
            try await harness.store.end(key, of: "one", base: base)
            #expect(try await harness.store.claim(key, for: "two") == .ended)
            #expect(try await harness.store.claim(key, for: "one") == .own(base))
            #expect(try await harness.command("PTTL", name).int ?? 0 > 86_300_000, "its time goes on")
            try await harness.command("DEL", name)
            try await harness.store.end(key, of: "one", base: base)
            #expect(try await harness.command("EXISTS", name).int == 0, "a key that is over does not come back")
            #expect(try await harness.store.claim(IdempotencyKey("k", caller: "bob"), for: "one") != .own(base))
        }
    }
}
