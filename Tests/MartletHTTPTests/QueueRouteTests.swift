// Queues, totals, workers, and what machines ask.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct QueueRouteTests {
    @Test func `a queue is created by its settings, shown and listed`() async throws {
        try await withServer { server in
            #expect(try await server.get("/api/v1/queues/mail").status == 404)
            let body = """
                {"concurrency":4,"lease_seconds":60,"ageing_seconds":60,
                "retention":{"completed":{"age_seconds":3600,"count":10},"failed":{"count":5},"cancelled":{}}}
                """
            let answer = try await server.send(.PUT, "/api/v1/queues/mail", body)
            #expect(answer.status == 200, "\(answer.text)")
            let settings = try #require(answer.json["settings"] as? [String: Any])
            #expect(settings["concurrency"] as? Int == 4)
            #expect(settings["lease_seconds"] as? Int == 60)
            #expect(settings["ageing_seconds"] as? Int == 60)
            let retention = try #require(settings["retention"] as? [String: [String: Any]])
            #expect(retention["completed"]?["age_seconds"] as? Int == 3600)
            #expect(retention["failed"]?["count"] as? Int == 5)
            let free = try await server.send(.PUT, "/api/v1/queues/mail", #"{"concurrency":0,"ageing_seconds":0}"#)
            let freed = try #require(free.json["settings"] as? [String: Any])
            #expect(freed["concurrency"] is NSNull)
            #expect(freed["ageing_seconds"] as? Int == 0)
            #expect(freed["lease_seconds"] as? Int == 60)
            let list = try await server.get("/api/v1/queues")
            #expect(list.list("queues").compactMap { $0["name"] as? String } == ["mail"])
        }
    }

    @Test(arguments: [
        (#"{"concurrency":-1}"#, "/concurrency"), (#"{"lease_seconds":4}"#, "/lease_seconds"),
        (#"{"lease_seconds":901}"#, "/lease_seconds"), (#"{"rate":5}"#, "/rate"),
        (#"{"retention":{"completed":{"count":-1}}}"#, "/retention/completed/count"),
        (#"{"retention":{"odd":{}}}"#, "/retention/odd"), (#"{"durability":7}"#, "/durability"),
        (#"{"concurrency":3,"lease_seconds":"1"}"#, "/lease_seconds"), (#"{"retention":7}"#, "/retention"),
    ])
    func `a bad setting of a queue is 422 and changes nothing`(body: String, pointer: String) async throws {
        try await withServer { server in
            let answer = try await server.send(.PUT, "/api/v1/queues/mail", body)
            #expect(answer.status == 422)
            #expect(answer.pointers == [pointer])
            #expect(try await server.get("/api/v1/queues/mail").status == 404)
            #expect(try await server.send(.PUT, "/api/v1/queues/No%7D", "{}").status == 422)
        }
    }

    @Test(arguments: [
        ("concurrency", "7", "null"), ("lease_seconds", "60", "30"), ("ageing_seconds", "60", "0"),
        ("durability", #""fsync""#, #""memory""#),
    ])
    func `null takes a setting back to its default`(name: String, value: String, standard: String) async throws {
        try await withServer { server in
            func put(_ text: String) async throws -> String {
                let answer = try await server.send(.PUT, "/api/v1/queues/mail", "{\"\(name)\":\(text)}")
                #expect(answer.status == 200, "\(answer.text)")
                return answer.text
            }
            let set = try await put(value)
            let unset = try await put("null")
            let read = try await server.get("/api/v1/queues/mail").text
            #expect(set.contains("\"\(name)\":\(value)"))
            #expect(unset.contains("\"\(name)\":\(standard)") && read.contains("\"\(name)\":\(standard)"))
        }
    }

    @Test func `null takes retentions back to their defaults, and the limit of downloads to that of the server`()
        async throws
    {
        try await withServer { server in
            let standard = #"{"age_seconds":86400,"count":100000}"#
            func put(_ body: String, _ queue: String = "mail") async throws -> Answer {
                try await server.send(.PUT, "/api/v1/queues/\(queue)", body)
            }
            let short = #"{"age_seconds":1,"count":2}"#
            let all = "{\"retention\":{\"completed\":\(short),\"failed\":\(short),\"cancelled\":\(short)}}"
            let set = try await put(all)
            #expect(set.text.contains("\"failed\":\(short)"))
            let one = try await put(#"{"retention":{"failed":null,"completed":{"age_seconds":null,"count":9}}}"#)
            #expect(one.text.contains("\"failed\":\(standard),\"cancelled\":\(short)"), "\(one.text)")
            #expect(one.text.contains(#""completed":{"age_seconds":86400,"count":9}"#))
            let none = try await put(#"{"retention":null}"#)
            #expect(none.text.contains("\"completed\":\(standard),\"failed\":\(standard),\"cancelled\":\(standard)"))
            #expect(try await put(#"{"concurrency":9}"#, "downloads").status == 200)
            let settings = try await put(#"{"concurrency":null}"#, "downloads").json["settings"] as? [String: Any]
            #expect(settings?["concurrency"] as? Int == 3)
        }
    }

    @Test func `the ageing step changes only while nothing waits`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"mail"}"#)
            let answer = try await server.send(.PUT, "/api/v1/queues/mail", #"{"ageing_seconds":60}"#)
            #expect(answer.status == 409)
            #expect(answer["code"] == "step-in-use")
        }
    }

    @Test func `Pause and resume: a queue says why, who and since when`() async throws {
        try await withServer { server in
            #expect(try await server.post("/api/v1/queues/mail/pause").status == 404)
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"mail"}"#)
            let answer = try await server.post("/api/v1/queues/mail/pause", #"{"reason":"the relay is down"}"#)
            #expect(answer.json["paused"] as? Bool == true)
            let pause = try #require(answer.json["pause"] as? [String: Any])
            #expect(pause["reason"] as? String == "the relay is down")
            #expect(pause["by"] as? String == "local")
            #expect(pause["at"] as? String != nil)
            #expect(try await server.claim(from: server.harness.queue("mail")).isEmpty)
            #expect(try await server.post("/api/v1/queues/mail/pause", #"{"why":"x"}"#).status == 422)
            let resumed = try await server.post("/api/v1/queues/mail/resume")
            #expect(resumed.json["paused"] as? Bool == false)
            #expect(try await server.claim(from: server.harness.queue("mail")).count == 1)
        }
    }

    @Test func `Pause and resume: pausing all queues holds for those too that come later`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"a"}"#)
            #expect(try await server.post("/api/v1/pause", #"{"reason":"move"}"#)["status"] == "paused")
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"b"}"#)
            #expect(try await server.claim(from: server.harness.queue("a")).isEmpty)
            #expect(try await server.claim(from: server.harness.queue("b")).isEmpty)
            let stats = try await server.get("/api/v1/stats")
            #expect(stats.json["paused_all"] as? Bool == true)
            #expect(stats.int("paused_queues") == 2)
            _ = try await server.post("/api/v1/resume")
            #expect(try await server.claim(from: server.harness.queue("b")).count == 1)
        }
    }

    @Test func `totals cover all queues`() async throws {
        try await withServer { server in
            for queue in ["a", "b", "b"] {
                _ = try await server.post("/api/v1/jobs", "{\"type\":\"t\",\"queue\":\"\(queue)\"}")
            }
            let job = try #require(try await server.claim(from: server.harness.queue("b")).first)
            try await server.settle(job, .completed(output: nil), in: server.harness.queue("b"))
            let stats = try await server.get("/api/v1/stats")
            #expect(stats.int("queues") == 2)
            #expect(stats.int("total_jobs") == 3)
            #expect((stats.json["jobs"] as? [String: Any])?["queued"] as? Int == 2)
            #expect((stats.json["totals"] as? [String: Any])?["completed"] as? Int == 1)
        }
    }

    @Test func `a worker is shown once with its information from each queue`() async throws {
        try await withServer { server in
            for name in ["a", "b"] {
                let queue = server.harness.queue(name)
                try await queue.create()
                _ = try await queue.heartbeat(worker: "w1", info: #"{"host":"h","pid":7,"slots":2}"#, [])
            }
            let workers = try await server.get("/api/v1/workers").list("workers")
            #expect(workers.count == 1)
            #expect(workers.first?["id"] as? String == "w1")
            #expect(workers.first?["alive"] as? Bool == true)
            let queues = try #require(workers.first?["queues"] as? [[String: Any]])
            #expect(queues.compactMap { $0["queue"] as? String } == ["a", "b"])
            #expect((queues.first?["info"] as? [String: Any])?["pid"] as? Int == 7)
        }
    }

    @Test func `liveness never asks Redis, readiness names what fails`() async throws {
        let bad = ReadinessCheck(name: "disk") { "is full" }
        let good = ReadinessCheck(name: "moon") { nil }
        try await withServer(checks: [good]) { server in
            for path in ["/livez", "/health", "/readyz", "/ready"] {
                let answer = try await server.get(path)
                #expect(answer.status == 200)
                #expect(answer["status"] == "ok")
            }
            let checks = try await server.get("/readyz").json["checks"] as? [String: String]
            #expect(checks == ["redis": "ok", "redis-role": "ok", "moon": "ok"])
        }
        try await withServer(checks: [good, bad]) { server in
            let answer = try await server.get("/readyz")
            #expect(answer.status == 503)
            #expect(answer["check"] == "disk")
            #expect(answer["detail"] == "disk: is full")
            #expect(try await server.get("/livez").status == 200)
        }
    }

    @Test func `metrics are the process's own text`() async throws {
        try await withServer { server in
            let answer = try await server.get("/metrics")
            #expect(answer.status == 200)
            #expect(answer.text == "martlet_test 1\n")
            #expect(answer.headers.first(name: "content-type") == "text/plain; version=0.0.4; charset=utf-8")
        }
        try await withServer(metrics: nil) { server in
            let answer = try await server.get("/metrics")
            #expect(answer.status == 404)
        }
    }
}
