// Steering downloads: all of them, one by one and many at once.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct DownloadControlTests {
    @Test func `Pause and resume: after the reply no download is claimed, and all counts stay`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let paused = try await server.post("/api/downloads/pause")
            #expect(paused.status == 200)
            #expect(paused["status"] == "paused")
            #expect(try await server.claim().isEmpty)
            let status = try await server.get("/api/downloads/status")
            #expect(status.json["paused"] as? Bool == true)
            #expect(status.int("queued_downloads") == 1)
            let queue = try await server.get("/api/v1/queues/downloads")
            #expect((queue.json["pause"] as? [String: Any])?["by"] as? String == "local")
            let resumed = try await server.post("/api/downloads/resume")
            #expect(resumed["status"] == "active")
            #expect(try await server.claim().map(\.id.description) == [id])
        }
    }

    @Test func `Pause and resume: while all queues are paused, resuming downloads says so`() async throws {
        try await withServer { server in
            _ = try await server.addDownload()
            #expect(try await server.post("/api/v1/pause", #"{"reason":"deploy"}"#).status == 200)
            #expect(try await server.get("/api/downloads/status").bool("paused") == true)
            #expect(try await server.post("/api/downloads/resume")["status"] == "paused")
            #expect(try await server.post("/api/v1/resume")["status"] == "active")
            #expect(try await server.claim().count == 1)
        }
    }

    @Test func `Concurrency: 1 to 10 are taken, 0 and 11 are refused with the name and the range`() async throws {
        try await withServer { server in
            #expect(try await server.get("/api/downloads/status").int("max_concurrent_downloads") == 3)
            for value in [1, 6, 10] {
                let answer = try await server.send(
                    .PUT, "/api/downloads/concurrency", "{\"max_concurrent_downloads\":\(value)}")
                #expect(answer.status == 200)
                #expect(answer.int("max_concurrent_downloads") == value)
                #expect(try await server.get("/api/downloads/status").int("max_concurrent_downloads") == value)
            }
            for value in ["0", "11", "1.5", "\"3\"", "null"] {
                let answer = try await server.send(
                    .PUT, "/api/downloads/concurrency", "{\"max_concurrent_downloads\":\(value)}")
                #expect(answer.status == 422)
                #expect(answer.text.contains("1 to 10"))
                #expect(answer.pointers == ["/max_concurrent_downloads"])
            }
            let other = try await server.send(.PUT, "/api/v1/queues/downloads", "{\"concurrency\":11}")
            #expect(other.status == 422)
            #expect(try await server.get("/api/downloads/status").int("max_concurrent_downloads") == 10)
        }
    }

    @Test func `Concurrency: the limit holds for claims and shows at once when it is raised`() async throws {
        try await withServer { server in
            for _ in 0..<8 { _ = try await server.addDownload() }
            _ = try await server.send(.PUT, "/api/downloads/concurrency", #"{"max_concurrent_downloads":3}"#)
            #expect(try await server.claim(8).count == 3)
            _ = try await server.send(.PUT, "/api/downloads/concurrency", #"{"max_concurrent_downloads":6}"#)
            #expect(try await server.claim(8).count == 3)
            #expect(try await server.get("/api/downloads/status").int("active_downloads") == 6)
        }
    }

    @Test func `the status counts every state`() async throws {
        try await withServer { server in
            let empty = try await server.get("/api/downloads/status")
            #expect(empty.int("total_jobs") == 0)
            let done = try await server.addDownload(#","priority":9"#)
            let job = try #require(try await server.claim().first)
            #expect(job.id.description == done)
            try await server.settle(job, .completed(output: nil))
            _ = try await server.addDownload(#","priority":8"#)
            try await server.claim()
            _ = try await server.addDownload()
            _ = try await server.addDownload(#","delay_seconds":100"#)
            let paused = try await server.addDownload()
            _ = try await server.post("/api/downloads/\(paused)/pause")
            let gone = try await server.addDownload()
            _ = try await server.post("/api/downloads/\(gone)/cancel")
            let status = try await server.get("/api/downloads/status")
            let counts = [
                "active_downloads": 1, "queued_downloads": 1, "waiting_downloads": 1, "paused_downloads": 1,
                "total_jobs": 6, "completed": 1, "failed": 0, "cancelled": 1,
            ]
            for (name, count) in counts { #expect(status.int(name) == count, "\(name)") }
        }
    }

    @Test func `Pause and resume: a queued and a retrying download pause and come back to their place`() async throws {
        try await withServer { server in
            let first = try await server.addDownload()
            let second = try await server.addDownload()
            let answer = try await server.post("/api/downloads/\(first)/pause")
            #expect(answer.status == 200)
            #expect(answer["download_id"] == first)
            #expect(answer["status"] == "paused")
            #expect(try await server.post("/api/downloads/\(first)/pause").status == 200)
            #expect(try await server.post("/api/downloads/\(first)/resume")["status"] == "queued")
            #expect(try await server.claim(2).map(\.id.description) == [first, second])
            #expect(try await server.downloads.state(first) == .active)
            let later = try await server.addDownload(#","delay_seconds":50"#)
            #expect(try await server.post("/api/downloads/\(later)/pause")["status"] == "paused")
            #expect(try await server.post("/api/downloads/\(later)/resume")["status"] == "pending")
        }
    }

    @Test func `Pause and resume: a running download is asked to stop, which is 202, then it is paused`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let job = try #require(try await server.claim().first)
            let answer = try await server.post("/api/downloads/\(id)/pause")
            #expect(answer.status == 202)
            #expect(answer["status"] == "paused")
            #expect(answer.json["stopping"] as? Bool == true)
            let shown = try await server.get("/api/downloads/\(id)")
            #expect(shown["status"] == "downloading")
            #expect(shown["stop_requested"] == "pause")
            try await server.settle(job, .released(after: nil), progress: JobProgress(completed: 40, total: 100))
            let paused = try await server.get("/api/downloads/\(id)")
            #expect(paused["status"] == "paused")
            #expect(paused.int("bytes_downloaded") == 40)
            #expect(paused.int("progress_percent") == 40)
            #expect(try await server.post("/api/downloads/\(id)/resume")["status"] == "queued")
        }
    }

    @Test func `a running download shows speed and time left, a failed one its retry`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let job = try #require(try await server.claim().first)
            _ = try await server.downloads.heartbeat(
                worker: "w",
                [
                    Heartbeat(
                        id: job.id, token: job.token, progress: JobProgress(completed: 250, total: 1000, rate: 50))
                ])
            let running = try await server.get("/api/downloads/\(id)")
            #expect(running.int("progress_percent") == 25)
            #expect(running.int("total_bytes") == 1000)
            #expect(running.int("speed_bytes_per_second") == 50)
            #expect(running.int("eta_seconds") == 15)
            #expect(running.int("attempt") == 1)
            try await server.settle(job, .failed(retryAfter: .seconds(60), error: "503"))
            let waiting = try await server.get("/api/downloads/\(id)")
            #expect(waiting["status"] == "queued")
            #expect(waiting["retry_at"] != nil)
            #expect(waiting["error"] == "503")
            #expect(waiting.int("attempt") == 1)
            #expect(waiting.json["speed_bytes_per_second"] == nil)
            let listed = try await server.get("/api/downloads?status=queued")
            #expect(listed.list("downloads").count == 1)
            #expect(listed.json["total"] is NSNull)
        }
    }

    @Test(arguments: [999_999, 1_000_000])
    func `a download is at 100 per cent only when its file is there`(bytes: Int64) async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let job = try #require(try await server.claim().first)
            let progress = JobProgress(completed: bytes, total: 1_000_000)
            _ = try await server.downloads.heartbeat(
                worker: "w", [Heartbeat(id: job.id, token: job.token, progress: progress)])
            let shown = try await server.get("/api/downloads/\(id)")
            #expect(shown.json["progress_percent"] as? Double == 99.99, "\(shown.text)")
        }
    }

    @Test func `the status shows the limit in force`() async throws {
        try await withServer { server in
            let path = "/api/downloads/status"
            #expect(try await server.get(path).int("max_concurrent_downloads") == ServerSettings().defaultConcurrency)
            _ = try await server.addDownload()
            #expect(try await server.get(path).json["max_concurrent_downloads"] is NSNull, "no environment set one")
            try await server.downloads.configure(QueueSettingsChange(limit: 2))
            #expect(try await server.get(path).int("max_concurrent_downloads") == 2)
        }
    }

    @Test func `a completed download is at 100 per cent with its final size`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let job = try #require(try await server.claim().first)
            try await server.settle(job, .completed(output: Array("4711".utf8)))
            let done = try await server.get("/api/downloads/\(id)")
            #expect(done["status"] == "completed")
            #expect(done.int("progress_percent") == 100)
            #expect(done.int("bytes_downloaded") == 4711)
            #expect(done["completed_at"] != nil)
        }
    }

    @Test func `Retry: a failed download can be retried by hand`() async throws {
        try await withServer { server in
            let id = try await server.addDownload(#","max_retries":0"#)
            let job = try #require(try await server.claim().first)
            try await server.settle(job, .failed(retryAfter: .seconds(1), error: "boom"))
            #expect(try await server.get("/api/downloads/\(id)")["status"] == "failed")
            let answer = try await server.post("/api/downloads/\(id)/retry")
            #expect(answer.status == 200)
            #expect(answer["status"] == "queued")
            #expect(try await server.claim().count == 1)
        }
    }

    @Test func `Pause and resume: a wrong state is 409 with the state and what is allowed`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let job = try #require(try await server.claim().first)
            #expect(try await server.post("/api/downloads/\(id)/retry").status == 409)
            try await server.settle(job, .completed(output: nil))
            for verb in ["pause", "resume", "cancel", "retry"] {
                let answer = try await server.post("/api/downloads/\(id)/\(verb)")
                #expect(answer.status == 409)
                #expect(answer["code"] == "invalid-state")
                #expect(answer["state"] == "completed")
                #expect(answer.strings("allowed") == [])
                #expect(answer.headers.first(name: "content-type") == "application/problem+json")
            }
            let cancelled = try await server.addDownload()
            _ = try await server.post("/api/downloads/\(cancelled)/cancel")
            let answer = try await server.post("/api/downloads/\(cancelled)/pause")
            #expect(answer.strings("allowed") == ["retry"])
        }
    }

    @Test func `a verb refuses unknown fields, and an empty body counts as none`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let verbs = ["pause", "resume", "cancel", "retry"].map { "/api/downloads/\(id)/\($0)" }
            for path in verbs + ["/api/downloads/pause", "/api/downloads/resume"] {
                let answer = try await server.post(path, #"{"priority":5}"#)
                #expect(answer.status == 422 && answer.pointers == ["/priority"], "\(path): \(answer.text)")
            }
            #expect(try await server.get("/api/downloads/\(id)")["status"] == "queued")
            #expect(try await server.get("/api/downloads/status").bool("paused") == false)
            #expect(try await server.post("/api/downloads/\(id)/pause", "{}")["status"] == "paused")
            #expect(try await server.post("/api/downloads/pause", "{}")["status"] == "paused")
            let form = [("content-type", "application/x-www-form-urlencoded"), ("content-length", "0")]
            #expect(try await server.post("/api/downloads/\(id)/resume", headers: form).status == 200)
        }
    }

    @Test func `unknown downloads are 404, malformed ids 422`() async throws {
        try await withServer { server in
            for verb in ["pause", "resume", "cancel", "retry"] {
                #expect(try await server.post("/api/downloads/nope/\(verb)").status == 404)
                #expect(try await server.post("/api/downloads/a%20b/\(verb)").status == 422)
            }
            let unknown = try await server.get("/api/downloads/nope")
            #expect(unknown.status == 404)
            #expect(try await server.get("/api/downloads/%zz").status == 422)
            #expect(try await server.post("/api/downloads/nope/priority", #"{"priority":1}"#).status == 404)
        }
    }

    @Test func `Priority: a change shows in the next claim`() async throws {
        try await withServer { server in
            let first = try await server.addDownload()
            let second = try await server.addDownload()
            let answer = try await server.post("/api/downloads/\(second)/priority", #"{"priority":5}"#)
            #expect(answer.status == 200)
            #expect(answer["status"] == "queued")
            #expect(try await server.claim().map(\.id.description) == [second])
            let patched = try await server.send(.PATCH, "/api/downloads/\(first)/priority", #"{"priority":-5}"#)
            #expect(patched.status == 200)
            #expect(try await server.get("/api/downloads/\(first)").int("priority") == -5)
            #expect(try await server.post("/api/downloads/\(first)/priority", "{}").status == 422)
        }
    }

    @Test(arguments: ["cancel", "pause", "resume", "retry", "priority"])
    func `Batch: an action with valid, unknown and malformed ids answers for each`(action: String) async throws {
        try await withServer { server in
            var ids: [String] = []
            for _ in 0..<3 { ids.append(try await server.addDownload()) }
            if action == "resume" { for id in ids { _ = try await server.post("/api/downloads/\(id)/pause") } }
            if action == "retry" { for id in ids { _ = try await server.post("/api/downloads/\(id)/cancel") } }
            let all = [ids[0], "unknown", ids[1], "not an id", ids[2]].map { "\"\($0)\"" }.joined(separator: ",")
            let more = action == "priority" ? ",\"priority\":3" : ""
            let answer = try await server.post(
                "/api/downloads/batch-action", "{\"download_ids\":[\(all)],\"action\":\"\(action)\"\(more)}")
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.int("total") == 5)
            #expect(answer.int("successful") == 3)
            #expect(answer.int("failed") == 2)
            #expect(answer.list("results").compactMap { $0["id"] as? String } == ids)
            let word = ["cancel": "cancelled", "pause": "paused"][action] ?? "queued"
            #expect(answer.list("results").allSatisfy { $0["status"] as? String == word })
            #expect(answer.list("errors").compactMap { $0["id"] as? String } == ["unknown", "not an id"])
            #expect(answer["message"] != nil)
        }
    }

    @Test func `Batch: an action answers wrong states and running downloads for each`() async throws {
        try await withServer { server in
            let running = try await server.addDownload(#","priority":1"#)
            try await server.claim()
            let cancelled = try await server.addDownload()
            _ = try await server.post("/api/downloads/\(cancelled)/cancel")
            let answer = try await server.post(
                "/api/downloads/batch-action",
                "{\"download_ids\":[\"\(running)\",\"\(cancelled)\"],\"action\":\"pause\"}")
            #expect(answer.list("results").first?["stopping"] as? Bool == true)
            let error = try #require(answer.list("errors").first)
            #expect(error["state"] as? String == "cancelled")
            #expect((error["error"] as? String)?.contains("allowed: retry") == true)
        }
    }

    @Test(arguments: [
        (#"{"download_ids":[],"action":"cancel"}"#, 400), (#"{"download_ids":["a"],"action":"explode"}"#, 422),
        (#"{"download_ids":["a"],"action":"delete"}"#, 422), (#"{"download_ids":["a"],"action":"priority"}"#, 422),
        (#"{"download_ids":["a"],"action":"priority","priority":"high"}"#, 422), (#"{"action":"cancel"}"#, 422),
        (#"{"download_ids":["a",7],"action":"cancel"}"#, 422), (#"{"download_ids":"a","action":"cancel"}"#, 422),
        (#"{"download_ids":["a"]}"#, 422), (#"{"download_ids":["a","b","c","d"],"action":"cancel"}"#, 413),
        (#"{"download_ids":["a"],"action":"cancel","queue":"x"}"#, 422), ("{", 400),
    ])
    func `Batch: a bad action request is refused`(body: String, status: Int) async throws {
        try await withServer(settings: { $0.batchLimit = 3 }) { server in
            let answer = try await server.post("/api/downloads/batch-action", body)
            #expect(answer.status == status)
        }
    }

    @Test func `downloads are listed active first, then as they will run, then paused, then final ones`() async throws {
        try await withServer { server in
            let finished = try await server.addDownload(#","priority":50"#)
            try await server.settle(try #require(try await server.claim().first), .completed(output: nil))
            let active = try await server.addDownload(#","priority":40"#)
            try await server.claim()
            let low = try await server.addDownload()
            let high = try await server.addDownload(#","priority":9"#)
            let paused = try await server.addDownload()
            _ = try await server.post("/api/downloads/\(paused)/pause")
            let later = try await server.addDownload(#","delay_seconds":100"#)
            let expected = [active, high, low, later, paused, finished]
            let all = try await server.get("/api/downloads/")
            #expect(all.list("downloads").compactMap { $0["id"] as? String } == expected)
            #expect(all.int("total") == 6)
            #expect(all.json["next_cursor"] is NSNull)
            var walked: [String] = []
            var path = "/api/downloads?limit=2"
            while true {
                let page = try await server.get(path)
                #expect(page.status == 200)
                walked += page.list("downloads").compactMap { $0["id"] as? String }
                guard let cursor = page["next_cursor"], walked.count < 20 else { break }
                path = "/api/downloads?limit=2&cursor=\(cursor)"
            }
            #expect(walked == expected)
            for (word, id) in [
                ("downloading", active), ("paused", paused), ("completed", finished), ("pending", later),
            ] {
                let page = try await server.get("/api/downloads?status=\(word)")
                #expect(page.list("downloads").compactMap { $0["id"] as? String } == [id])
            }
        }
    }

    @Test(arguments: [
        "status=odd", "limit=0", "limit=201", "limit=1e9", "limit=abc", "cursor=%00", "offset=3", "limit=1&limit=2",
    ])
    func `a bad query of a listing is 422`(query: String) async throws {
        try await withServer { server in
            let answer = try await server.get("/api/downloads?\(query)")
            #expect(answer.status == 422)
        }
    }

    @Test func `other jobs are not shown as downloads`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let other = NewJob(type: "other", payload: Array("{}".utf8))
            let broken = NewJob(type: "download", payload: [0xFF, 0x00])
            _ = try await server.downloads.enqueue([other, broken])
            let page = try await server.get("/api/downloads")
            #expect(page.list("downloads").map { $0["id"] as? String } == [id])
            for job in [other, broken] {
                #expect(try await server.get("/api/downloads/\(job.id)").status == 404)
                #expect(try await server.get("/api/v1/jobs/\(job.id)").status == 200)
            }
        }
    }
}
