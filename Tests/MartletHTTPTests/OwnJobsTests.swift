// What tokens that only produce may know: the jobs that they pushed themselves, and nothing of others' jobs.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import MartletRedis
import NIOHTTP1
import TestSupport
import Testing

@Suite struct OwnJobsTests {
    private struct Callers: Sendable {
        let ada, bob, eve, olga: TestServer
    }

    /// Runs a test with two tokens that only produce, one that reads too, and one that operates.
    private static func withCallers(
        _ body: @concurrent @escaping @Sendable (TestServer, Callers) async throws -> Void
    ) async throws {
        let ada = try newToken("ada", [.produce])
        let bob = try newToken("bob", [.produce])
        let eve = try newToken("eve", [.produce, .read])
        let olga = try newToken("olga", [.operate])
        let file = [ada, bob, eve, olga].map(\.line).joined(separator: "\n")
        try await withServer(tokens: file) { server in
            let callers = Callers(
                ada: server.with(token: ada.secret), bob: server.with(token: bob.secret),
                eve: server.with(token: eve.secret), olga: server.with(token: olga.secret))
            try await body(server, callers)
        }
    }

    @Test(arguments: [
        ("/api/v1/jobs", #"{"type":"t"}"#, "default"), ("/api/v1/jobs", #"{"type":"t","id":"mine"}"#, "default"),
        ("/api/downloads", #"{"url":"https://a.example/1"}"#, "downloads"),
    ])
    func `a token that only produces reads the jobs that it pushed, and no others`(
        path: String, body: String, queue: String
    ) async throws {
        try await Self.withCallers { server, callers in
            let pushed = try await callers.ada.post(path, body)
            #expect(pushed.status == 201, "\(pushed.text)")
            let id = try #require(pushed["id"])
            for (caller, status) in [(callers.ada, 200), (callers.bob, 404), (callers.eve, 200), (callers.olga, 200)] {
                #expect(try await caller.get("\(path)/\(id)").status == status)
            }
            #expect(try await callers.bob.get("/api/v1/jobs/\(id)?queue=\(queue)&wait=1").status == 404)
            let key = server.harness.key("job:\(id)", queue: queue)
            #expect(try await server.harness.command("HGET", key, "i").string == "ada")
        }
    }

    @Test func `jobs of other callers have no additional field`() async throws {
        try await Self.withCallers { server, callers in
            let id = try #require(try await callers.eve.post("/api/v1/jobs", #"{"type":"t"}"#)["id"])
            let key = server.harness.key("job:\(id)", queue: "default")
            #expect(try await server.harness.command("HEXISTS", key, "i").int == 0)
            #expect(try await callers.eve.get("/api/v1/jobs/\(id)").status == 200)
            #expect(try await callers.ada.get("/api/v1/jobs/\(id)").status == 404)
        }
    }

    @Test func `a batch and its jobs belong to the token that pushed it`() async throws {
        try await Self.withCallers { _, callers in
            for atomic in ["true", "false"] {
                let jobs = "{\"atomic\":\(atomic),\"jobs\":[{\"type\":\"t\"},{\"type\":\"t\",\"id\":\"b-\(atomic)\"}]}"
                let results = try await callers.ada.post("/api/v1/jobs/bulk", jobs).list("results")
                #expect(results.count == 2)
                for id in results.compactMap({ $0["id"] as? String }) {
                    #expect(try await callers.ada.get("/api/v1/jobs/\(id)").status == 200)
                    #expect(try await callers.bob.get("/api/v1/jobs/\(id)").status == 404)
                }
            }
            let batch = #"{"downloads":[{"url":"https://a.example/1"}]}"#
            let id = try #require(try await callers.ada.post("/api/downloads/batch", batch).strings("job_ids").first)
            #expect(try await callers.ada.get("/api/downloads/\(id)").status == 200)
            #expect(try await callers.bob.get("/api/downloads/\(id)").status == 404)
        }
    }

    @Test func `the same push by another token is a conflict that shows nothing of the job`() async throws {
        try await Self.withCallers { _, callers in
            let body = #"{"type":"t","id":"order-1","payload":{"secret":"canary"}}"#
            #expect(try await callers.ada.post("/api/v1/jobs", body).status == 201)
            #expect(try await callers.ada.post("/api/v1/jobs", body).status == 200)
            let other = try await callers.bob.post("/api/v1/jobs", body)
            #expect(other.status == 409)
            #expect(other["code"] == "idempotency-conflict")
            #expect(!other.text.contains("canary") && !other.text.contains("ada"))
            let bulk = try await callers.bob.post("/api/v1/jobs/bulk", "{\"atomic\":false,\"jobs\":[\(body)]}")
            #expect(bulk.list("results").first?["status"] as? String == "conflict")
        }
    }

    @Test func `the holder of a unique key is shown to callers that may read the job`() async throws {
        try await Self.withCallers { _, callers in
            let body = #"{"type":"t","unique_key":"only"}"#
            let holder = try #require(try await callers.ada.post("/api/v1/jobs", body)["id"])
            let jobs = "\"jobs\":[{\"type\":\"a\"},\(body)]"
            let pushes = [
                ("/api/v1/jobs", body), ("/api/v1/jobs/bulk", "{\(jobs)}"),
                ("/api/v1/jobs/bulk", "{\(jobs),\"atomic\":false}"),
            ]
            for (path, body) in pushes {
                let hidden = try await callers.bob.post(path, body)
                #expect(hidden.text.contains("unique-key-taken"))
                #expect(!hidden.text.contains(holder), "\(hidden.text)")
                let shown = try await callers.eve.post(path, body)
                #expect(shown.text.contains(holder))
            }
            let download = #"{"url":"https://a.example/1","unique":true}"#
            let first = try #require(try await callers.ada.post("/api/downloads", download)["id"])
            #expect(try await callers.bob.post("/api/downloads", download)["holder"] == nil)
            #expect(try await callers.eve.post("/api/downloads", download)["holder"] == first)
        }
    }

    @Test func `jobs that the caller may not read make no id ambiguous`() async throws {
        try await Self.withCallers { _, callers in
            _ = try await callers.ada.post("/api/v1/jobs", #"{"type":"t","id":"twin","queue":"a"}"#)
            _ = try await callers.bob.post("/api/v1/jobs", #"{"type":"t","id":"twin","queue":"b"}"#)
            #expect(try await callers.ada.get("/api/v1/jobs/twin")["queue"] == "a")
            #expect(try await callers.bob.get("/api/v1/jobs/twin")["queue"] == "b")
            #expect(try await callers.eve.get("/api/v1/jobs/twin").status == 409)
        }
    }
}
