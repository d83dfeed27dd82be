// Adding downloads: one, many, and the same ones again.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct DownloadPushTests {
    @Test(arguments: ["/api/downloads", "/api/downloads/"])
    func `a download is added and shown`(path: String) async throws {
        try await withServer { server in
            let body = """
                {"url":"https://example.com/a.bin","filename":"a.bin","priority":7,"max_retries":5,"delay_seconds":60,
                "checksum":"sha256:00","max_bytes":1000,"bytes_per_second":10}
                """
            let answer = try await server.post(path, body)
            #expect(answer.status == 201)
            let id = try #require(answer["id"])
            #expect(answer.headers.first(name: "location") == "/api/downloads/\(id)")
            #expect(answer["url"] == "https://example.com/a.bin")
            #expect(answer["filename"] == "a.bin")
            #expect(answer["status"] == "pending")
            #expect(answer["checksum"] == "sha256:00")
            #expect(answer.int("priority") == 7)
            #expect(answer.int("max_retries") == 5)
            #expect(answer.int("attempt") == 0)
            #expect(answer.int("progress_percent") == 0)
            #expect(answer.int("bytes_downloaded") == 0)
            #expect(answer["created_at"]?.hasSuffix("Z") == true)
            let again = try await server.get("/api/downloads/\(id)/")
            #expect(again.status == 200)
            #expect(again["url"] == "https://example.com/a.bin")
        }
    }

    @Test func `a download without retries named gets the configured default`() async throws {
        try await withServer(settings: { $0.defaultMaxRetries = 9 }) { server in
            let id = try await server.addDownload()
            #expect(try await server.get("/api/downloads/\(id)").int("max_retries") == 9)
            let none = try await server.addDownload(#","max_retries":0"#)
            #expect(try await server.get("/api/downloads/\(none)").int("max_retries") == 0)
        }
    }

    @Test(arguments: [
        ("{}", "/url"), (#"{"url":"https://a.example","track_id":"x"}"#, "/url"), (#"{"url":7}"#, "/url"),
        (#"{"url":""}"#, "/url"), (#"{"url":"http://127.0.0.1/"}"#, "/url"),
        (#"{"track_id":"00000000-0000-0000-0000-000000000000"}"#, "/track_id"),
        (#"{"url":"https://a.example","state":"completed"}"#, "/state"),
        (#"{"url":"https://a.example","url":"https://b.example"}"#, "/url"),
        (#"{"url":"https://a.example","unique":1}"#, "/unique"),
        (#"{"url":"https://a.example","max_bytes":0}"#, "/max_bytes"),
        (#"{"url":"https://a.example","max_retries":101}"#, "/max_retries"),
        (#"{"url":"https://a.example","delay_seconds":-1}"#, "/delay_seconds"),
        (#"{"url":"https://a.example","delay_seconds":1e999}"#, "/delay_seconds"),
        (#"{"url":"https://a.example","filename":"a\u0000b"}"#, "/filename"), ("[]", ""), ("7", ""),
    ])
    func `a bad field of a download is 422 and named`(body: String, pointer: String) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/downloads", body)
            #expect(answer.status == 422)
            #expect(answer.pointers.contains(pointer), "\(answer.text)")
            #expect(try await server.get("/api/downloads/status").int("total_jobs") == 0)
        }
    }

    @Test(arguments: ["-1001", "1001", "1.5", "1e4", "1e-2", "\"1\"", "true", "9223372036854775808", "[]"])
    func `Priority: out-of-range, fractional and string priorities are refused everywhere`(value: String) async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let url = #""url":"https://a.example/x""#
            let track = #""track_ids":["6f1c3a1e-7b0a-4a54-8f3f-2b1f6d0f8a11"]"#
            let requests = [
                ("/api/downloads", "{\(url),\"priority\":\(value)}"),
                ("/api/downloads/batch", "{\(track),\"priority\":\(value)}"),
                ("/api/downloads/batch", "{\"downloads\":[{\(url),\"priority\":\(value)}]}"),
                ("/api/downloads/\(id)/priority", "{\"priority\":\(value)}"),
                (
                    "/api/downloads/batch-action",
                    "{\"download_ids\":[\"\(id)\"],\"action\":\"priority\",\"priority\":\(value)}"
                ),
                ("/api/v1/jobs", "{\"type\":\"t\",\"priority\":\(value)}"),
                ("/api/v1/jobs/bulk", "{\"jobs\":[{\"type\":\"t\",\"priority\":\(value)}]}"),
                ("/api/v1/jobs/actions", "{\"ids\":[\"\(id)\"],\"action\":\"priority\",\"priority\":\(value)}"),
            ]
            for (path, body) in requests {
                let answer = try await server.post(path, body)
                #expect(answer.status == 422, "\(path) \(body): \(answer.text)")
                #expect(answer.pointers.first?.hasSuffix("/priority") == true, "\(path)")
                #expect(answer.text.contains("-1000 to 1000"))
            }
            #expect(try await server.send(.PATCH, "/api/v1/jobs/\(id)", "{\"priority\":\(value)}").status == 422)
            #expect(try await server.get("/api/downloads/\(id)").int("priority") == 0)
            #expect(try await server.get("/api/downloads/status").int("total_jobs") == 1)
        }
    }

    @Test(arguments: ["NaN", "Infinity", "-Infinity", "0x10", "+1", "01", ".5"])
    func `Priority: NaN and other things that are no JSON are 400`(value: String) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", "{\"type\":\"t\",\"priority\":\(value)}")
            #expect(answer.status == 400)
            #expect(answer["code"] == "malformed-json")
        }
    }

    @Test func `Priority: the higher one is claimed first, equal ones in the order of the requests`() async throws {
        try await withServer { server in
            let low = try await server.addDownload()
            let high = try await server.addDownload(#","priority":10"#)
            let second = try await server.addDownload()
            #expect(try await server.claim(3).map(\.id.description) == [high, low, second])
        }
    }

    @Test(arguments: [1, 3, 10_000])
    func `Batch: tracks are added in their order, all with the priority`(count: Int) async throws {
        try await withServer { server in
            let tracks = (0..<count).map { _ in UUID().uuidString.lowercased() }
            let list = tracks.map { "\"\($0)\"" }.joined(separator: ",")
            let answer = try await server.post("/api/downloads/batch", "{\"track_ids\":[\(list)],\"priority\":4}")
            #expect(answer.status == 200, "\(answer.text.prefix(300))")
            #expect(answer["message"] == "Batch download initiated for \(count) tracks")
            #expect(answer.int("total_tracks") == count)
            let ids = answer.strings("job_ids")
            #expect(Set(ids).count == count)
            let claimed = try await server.claim(min(count, 128))
            #expect(claimed.map(\.id.description) == Array(ids.prefix(128)))
            #expect(claimed.allSatisfy { $0.priority == 4 })
            let last = try await server.get("/api/downloads/\(try #require(ids.last))")
            #expect(last["track_id"] == tracks.last)
            #expect(try await server.get("/api/downloads/status").int("total_jobs") == count)
        }
    }

    @Test func `Batch: downloads by URL are added in their order with their own priorities`() async throws {
        try await withServer { server in
            let body = """
                {"downloads":[{"url":"https://a.example/1"},{"url":"https://a.example/2","priority":9}],"priority":2}
                """
            let answer = try await server.post("/api/downloads/batch", body)
            #expect(answer.status == 200)
            let ids = answer.strings("job_ids")
            #expect(ids.count == 2)
            #expect(try await server.claim(2).map(\.priority) == [9, 2])
            #expect(try await server.get("/api/downloads/\(ids[0])")["url"] == "https://a.example/1")
        }
    }

    @Test(arguments: ["{\"track_ids\":[]}", "{\"downloads\":[]}"])
    func `Batch: an empty list is 400`(body: String) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/downloads/batch", body)
            #expect(answer.status == 400)
            #expect(answer["code"] == "empty-batch")
        }
    }

    @Test(arguments: ["\"nope\"", "7", "null", "\"6f1c3a1e7b0a4a548f3f2b1f6d0f8a11\"", "\"\""])
    func `Batch: a bad track id is 400, names it and nothing is enqueued`(bad: String) async throws {
        try await withServer { server in
            let body = "{\"track_ids\":[\"6f1c3a1e-7b0a-4a54-8f3f-2b1f6d0f8a11\",\(bad)]}"
            let answer = try await server.post("/api/downloads/batch", body)
            #expect(answer.status == 400)
            #expect(answer["track_id"] == bad.replacing("\"", with: ""))
            #expect(try await server.get("/api/downloads/status").int("total_jobs") == 0)
        }
    }

    @Test func `Batch: other faults are 422 or 413 and nothing is enqueued`() async throws {
        try await withServer(settings: { $0.batchLimit = 3 }) { server in
            let track = "\"6f1c3a1e-7b0a-4a54-8f3f-2b1f6d0f8a11\""
            let cases: [(String, Int)] = [
                ("{}", 422), ("{\"track_ids\":\(track)}", 422), ("{\"track_ids\":[\(track)],\"downloads\":[]}", 422),
                ("{\"track_ids\":[\(track)],\"more\":1}", 422),
                ("{\"track_ids\":[\"00000000-0000-0000-0000-000000000000\"]}", 422),
                ("{\"downloads\":[{\"url\":\"https://a.example\"},{\"url\":\"http://127.0.0.1\"},7]}", 422),
                ("{\"track_ids\":[\(track),\(track),\(track),\(track)]}", 413),
            ]
            for (body, status) in cases {
                let answer = try await server.post("/api/downloads/batch", body)
                #expect(answer.status == status, "\(body)")
            }
            #expect(try await server.get("/api/downloads/status").int("total_jobs") == 0)
        }
    }

    @Test func `Idempotency: a batch sent again with its key meets the same downloads in the same order`() async throws
    {
        try await withServer { server in
            let tracks = (0..<1200).map { _ in "\"\(UUID().uuidString)\"" }.joined(separator: ",")
            let key = [("idempotency-key", "batch 1")]
            let first = try await server.post("/api/downloads/batch", "{\"track_ids\":[\(tracks)]}", headers: key)
            let second = try await server.post("/api/downloads/batch", "{ \"track_ids\" : [\(tracks)] }", headers: key)
            #expect(first.status == 200)
            #expect(first.strings("job_ids") == second.strings("job_ids"))
            #expect(first.strings("job_ids") == first.strings("job_ids").sorted())
            let other = try await server.post(
                "/api/downloads/batch", "{\"track_ids\":[\(tracks)],\"priority\":1}", headers: key)
            #expect(other.status == 422)
            #expect(try await server.get("/api/downloads/status").int("total_jobs") == 1200)
        }
    }

    @Test func `Idempotency: a download sent again with its key is 200 and the same, another body is 422`() async throws
    {
        try await withServer { server in
            let key = [("idempotency-key", "one")]
            let body = #"{"url":"https://a.example/1","delay_seconds":30}"#
            let first = try await server.post("/api/downloads", body, headers: key)
            let second = try await server.post(
                "/api/downloads/", #"{"delay_seconds": 30, "url": "https:\/\/a.example\/1"}"#, headers: key)
            #expect(first.status == 201)
            #expect(second.status == 200)
            #expect(first["id"] == second["id"])
            let other = try await server.post("/api/downloads", #"{"url":"https://a.example/2"}"#, headers: key)
            #expect(other.status == 422)
            #expect(other["code"] == "idempotency-key-reused")
        }
    }

    @Test func `a unique download is refused while an equal one has not finished`() async throws {
        try await withServer { server in
            let body = #"{"url":"https://a.example/1","unique":true}"#
            let first = try await server.post("/api/downloads", body)
            let second = try await server.post("/api/downloads", body)
            #expect(first.status == 201)
            #expect(second.status == 409)
            #expect(second["holder"] == first["id"])
            let id = try #require(first["id"])
            #expect(try await server.post("/api/downloads/\(id)/cancel").status == 200)
            #expect(try await server.post("/api/downloads", body).status == 201)
            #expect(try await server.post("/api/downloads/\(id)/retry").status == 409)
            let batch = "{\"downloads\":[{\"url\":\"https://a.example/9\"},\(body)]}"
            let refused = try await server.post("/api/downloads/batch", batch)
            #expect(refused.status == 409)
            #expect(refused.int("index") == 1)
            #expect(try await server.get("/api/downloads/status").int("total_jobs") == 2)
        }
    }
}
