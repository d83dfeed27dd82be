// How a push over HTTP asks for safety, and what its answer says of it.

import Foundation
import MartletJobs
import MartletQueue
import MartletRedis
import NIOHTTP1
import TestSupport
import Testing

@Suite struct DurabilityTests {
    @Test func `an answer states the durability of a push if it was requested, and nothing otherwise`() async throws {
        try await withServer { server in
            let plain = try await server.post("/api/v1/jobs", #"{"type":"t"}"#)
            #expect(plain.status == 201)
            #expect(plain["durability"] == nil)
            let asked = try await server.post("/api/v1/jobs", #"{"type":"t","durability":"memory"}"#)
            #expect(asked.status == 201)
            #expect(asked["durability"] == "memory")
            #expect(asked["durability_detail"] == nil)
            for body in [#"{"type":"t","durability":"disk"}"#, #"{"type":"t","durability":1}"#] {
                let bad = try await server.post("/api/v1/jobs", body)
                #expect(bad.status == 422)
                #expect(bad.pointers == ["/durability"])
            }
        }
    }

    @Test func `an unconfirmed push has happened, reports why, and may be repeated`() async throws {
        // This server keeps nothing on disk, so it can confirm nothing.
        try await withServer { server in
            let body = #"{"type":"t","durability":"fsync"}"#
            let key = [("Idempotency-Key", "k1")]
            let first = try await server.post("/api/v1/jobs", body, headers: key)
            #expect(first.status == 201, "\(first.text)")
            #expect(first["durability"] == "unconfirmed")
            #expect(first["durability_detail"]?.contains("appendfsync") == true)
            #expect(first["state"] == "queued")
            let again = try await server.post("/api/v1/jobs", body, headers: key)
            #expect(again.status == 200)
            #expect(again["id"] == first["id"])
            #expect(again["durability"] == "unconfirmed")
            #expect(try await server.harness.queue("default").status()?.createdEver == 1)
        }
    }

    @Test func `bulk pushes and downloads state it for all their jobs`() async throws {
        try await withServer { server in
            let jobs = #""jobs":[{"type":"t"},{"type":"t"}]"#
            for body in [#"{\#(jobs),"durability":"fsync"}"#, #"{\#(jobs),"durability":"fsync","atomic":false}"#] {
                let answer = try await server.post("/api/v1/jobs/bulk", body)
                #expect(answer.status == 201, "\(answer.text)")
                #expect(answer.int("created") == 2)
                #expect(answer["durability"] == "unconfirmed")
                #expect(answer["durability_detail"] != nil)
            }
            let lines = try await server.send(
                .POST, "/api/v1/jobs/bulk?durability=memory", "{\"type\":\"t\"}\n{\"type\":\"t\"}",
                type: "application/x-ndjson")
            #expect(lines.status == 201, "\(lines.text)")
            #expect(lines["durability"] == "memory")
            #expect(try await server.post("/api/v1/jobs/bulk", "{\(jobs)}").json["durability"] == nil)
            let bad = try await server.post("/api/v1/jobs/bulk?durability=x", "{\(jobs)}")
            #expect(bad.pointers == ["?durability"])
            let item = try await server.post("/api/v1/jobs/bulk", #"{"jobs":[{"type":"t","durability":"fsync"}]}"#)
            #expect(item.pointers == ["/jobs/0/durability"], "a batch has one level")
            let download = #""url":"https://example.com/a""#
            let one = try await server.post("/api/downloads", #"{\#(download),"durability":"fsync"}"#)
            #expect(one.status == 201)
            #expect(one["durability"] == "unconfirmed")
            let many = try await server.post(
                "/api/downloads/batch", #"{"downloads":[{\#(download)}],"durability":"memory"}"#)
            #expect(many.status == 200, "\(many.text)")
            #expect(many["durability"] == "memory")
        }
    }

    @Test func `a queue's level is a setting, and applies to pushes without one`() async throws {
        let redis = try await ownRedis("always", options: ["--appendonly", "yes", "--appendfsync", "always"])
        try await withServer(url: redis.url, commandTimeout: patience) { server in
            let set = try await server.send(.PUT, "/api/v1/queues/orders", #"{"durability":"fsync"}"#)
            #expect(set.status == 200, "\(set.text)")
            #expect((set.json["settings"] as? [String: Any])?["durability"] as? String == "fsync")
            let bad = try await server.send(.PUT, "/api/v1/queues/orders", #"{"durability":"often"}"#)
            #expect(bad.pointers == ["/durability"])
            for asked in ["", #","durability":"memory""#] {
                let answer = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"orders"\#(asked)}"#)
                #expect(answer.status == 201)
                #expect(answer["durability"] == "fsync")
            }
            let other = try await server.post("/api/v1/jobs", #"{"type":"t"}"#)
            #expect(other["durability"] == nil)
        }
        await redis.stop()
    }
}
