// Cloning a job, and changing the payload of one, over HTTP.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct CloneTests {
    private static let body = """
        {"id":"a","type":"t","queue":"q","payload":{"n":1},"priority":7,"max_retries":5,"backoff":{"base_seconds":2},\
        "timeout_seconds":9,"tags":["x","y"],"limits":["host:a",{"key":"t:7","weight":2}],"metadata":{"m":1},"unique_key":"k","delay_seconds":60}
        """

    private func json(_ value: Any?) -> String {
        guard let value, let data = try? JSONSerialization.data(withJSONObject: value, options: .sortedKeys) else {
            return "none"
        }
        return String(decoding: data, as: UTF8.self)
    }

    @Test func `a clone has all that was pushed of its original, but its id, unique key and wait`() async throws {
        try await withServer { server in
            let original = try await server.post("/api/v1/jobs", Self.body)
            let clone = try await server.post("/api/v1/jobs/a/clone")
            #expect(clone.status == 201 && clone["state"] == "queued" && clone["id"] != "a")
            #expect(clone.json["unique_key"] == nil && clone.json["due_at"] == nil)
            for name in ["queue", "type", "priority", "max_retries", "timeout_seconds"] {
                #expect("\(clone.json[name] ?? "-")" == "\(original.json[name] ?? "-")", "\(name)")
            }
            for name in ["payload", "backoff", "tags", "limits", "metadata"] {
                #expect(json(clone.json[name]) == json(original.json[name]), "\(name)")
            }
            let location = try #require(clone.headers.first(name: "location"))
            #expect(try await server.get(location)["id"] == clone["id"])
        }
    }

    @Test func `changes take the place of what the original has, and can name another queue`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", Self.body)
            let body = """
                {"payload":null,"queue":"other","priority":-1,"max_retries":0,"backoff":{"base_seconds":3},\
                "timeout_seconds":1,"tags":[],"limits":[],"metadata":{},"unique_key":"l","delay_seconds":5,"id":"b"}
                """
            let clone = try await server.post("/api/v1/jobs/a/clone?queue=q", body)
            #expect(clone.status == 201 && clone["id"] == "b" && clone["queue"] == "other")
            #expect(clone["state"] == "scheduled" && clone["unique_key"] == "l" && clone.int("priority") == -1)
            #expect(clone.json["payload"] is NSNull && clone.int("max_retries") == 0 && clone.json["tags"] == nil)
            #expect(clone.json["limits"] == nil)
            let again = try await server.post("/api/v1/jobs/a/clone?queue=q", body)
            #expect(again.status == 200 && again["id"] == "b", "the same request finds the same clone")
            let other = try await server.post("/api/v1/jobs/a/clone?queue=q", #"{"id":"b","queue":"other"}"#)
            #expect(other.status == 409 && other["code"] == "idempotency-conflict")
        }
    }

    @Test func `an Idempotency-Key makes a clone repeatable, for one original`() async throws {
        try await withServer { server in
            for id in ["a", "b"] { _ = try await server.post("/api/v1/jobs", "{\"type\":\"t\",\"id\":\"\(id)\"}") }
            let key = [("Idempotency-Key", "one")]
            let first = try await server.post("/api/v1/jobs/a/clone", headers: key)
            let again = try await server.post("/api/v1/jobs/a/clone", headers: key)
            #expect(first.status == 201 && again.status == 200 && again["id"] == first["id"])
            #expect(try await server.post("/api/v1/jobs/b/clone", headers: key).status == 422)
        }
    }

    @Test func `a finished job can be cloned; a held unique key, a download and a bad change are refused`() async throws
    {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", Self.body)
            #expect(try await server.post("/api/v1/jobs/a/clone", #"{"unique_key":"k"}"#).status == 409)
            _ = try await server.post("/api/v1/jobs/a/cancel")
            #expect(try await server.post("/api/v1/jobs/a/clone", #"{"unique_key":"k"}"#).status == 201)
            #expect(try await server.post("/api/v1/jobs/none/clone").status == 404)
            for (body, place) in [
                (#"{"type":"u"}"#, "/type"), (#"{"priority":5000}"#, "/priority"),
                (#"{"queue":"downloads"}"#, "/queue"),
                (#"{"delay_seconds":1,"run_at":"2026-01-01T00:00:00Z"}"#, "/run_at"), (#"{"id":null}"#, "/id"),
            ] {
                let answer = try await server.post("/api/v1/jobs/a/clone", body)
                #expect(answer.status == 422 && answer.pointers.contains(place), "\(body) \(answer.text)")
            }
            let download = try await server.addDownload()
            #expect(try await server.post("/api/v1/jobs/\(download)/clone").status == 422)
        }
    }

    @Test func `a token clones what it may read into queues that it may push to`() async throws {
        let own = try newToken("own", [.produce], "q")
        let reader = try newToken("reader", [.read], "*")
        try await withServer(tokens: own.line + "\n" + reader.line) { server in
            _ = try await server.harness.queue("q").enqueue(
                NewJob(id: try #require(JobID("foreign")), digest: "d", type: "t", payload: Array("{}".utf8)))
            let producer = server.with(token: own.secret)
            _ = try await producer.post("/api/v1/jobs", #"{"type":"t","id":"mine","queue":"q"}"#)
            #expect(try await producer.post("/api/v1/jobs/mine/clone").status == 201)
            #expect(try await producer.post("/api/v1/jobs/foreign/clone").status == 404)
            #expect(try await producer.post("/api/v1/jobs/mine/clone", #"{"queue":"other"}"#).status == 403)
            #expect(try await server.with(token: reader.secret).post("/api/v1/jobs/mine/clone").status == 403)
        }
    }

    @Test func `PATCH changes the payload of a job that waits, with other values or alone`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","id":"a","queue":"q"}"#)
            let changed = try await server.send(.PATCH, "/api/v1/jobs/a", #"{"payload":{"n":2},"priority":3}"#)
            #expect(changed.status == 200 && json(changed.json["payload"]) == #"{"n":2}"#)
            #expect(changed.int("priority") == 3)
            let null = try await server.send(.PATCH, "/api/v1/jobs/a", #"{"payload":null}"#)
            #expect(null.json["payload"] is NSNull, "null is a payload")
            _ = try await server.claim(from: server.harness.queue("q"))
            let active = try await server.send(.PATCH, "/api/v1/jobs/a", #"{"payload":1}"#)
            #expect(active.status == 409 && active["code"] == "invalid-state" && active["state"] == "active")
            let large = String(repeating: "x", count: 300_000)
            let tooLarge = try await server.send(.PATCH, "/api/v1/jobs/a", "{\"payload\":\"\(large)\"}")
            #expect(tooLarge.status == 413)
            let download = try await server.addDownload()
            let refused = try await server.send(.PATCH, "/api/v1/jobs/\(download)", #"{"payload":1}"#)
            #expect(refused.status == 422 && refused.pointers == ["/payload"])
        }
    }
}
