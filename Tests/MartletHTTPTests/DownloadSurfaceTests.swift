// The surface of downloads as its clients know it: each of its routes over a real socket, by what it promises.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct DownloadSurfaceTests {
    private static let track = "6f1c3a1e-7b0a-4a54-8f3f-2b1f6d0f8a11"

    @Test(arguments: ["", "/"])
    func `pause and resume answer with the words that clients look for`(slash: String) async throws {
        try await withServer { server in
            let paused = try await server.post("/api/downloads/pause\(slash)")
            #expect(paused.status == 200)
            #expect(paused["message"] == "Downloads paused successfully; running ones finish")
            #expect(paused["status"] == "paused")
            let resumed = try await server.post("/api/downloads/resume\(slash)")
            #expect(resumed.status == 200)
            #expect(resumed["message"] == "Downloads resumed successfully")
            #expect(resumed["status"] == "active")
            _ = try await server.post("/api/v1/pause")
            let held = try await server.post("/api/downloads/resume\(slash)")
            #expect(held["message"]?.hasPrefix("Downloads resumed successfully") == true)
            #expect(held["status"] == "paused")
            #expect(try await server.post("/api/v1/resume").status == 200)
        }
    }

    @Test func `the status has totals under clear names, and under those of older clients`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let job = try #require(try await server.claim().first)
            try await server.settle(job, .completed(output: nil))
            let failed = try await server.addDownload()
            try await server.settle(try #require(try await server.claim().first), .failedForGood(error: "no"))
            let cancelled = try await server.addDownload()
            _ = try await server.post("/api/downloads/\(cancelled)/cancel")
            for id in [id, failed, cancelled] {
                _ = try await server.send(.DELETE, "/api/v1/jobs/\(id)?queue=downloads")
            }
            let unlimited = try await server.get("/api/downloads/status")
            #expect(unlimited.text.contains(#""max_concurrent_downloads":null"#), "\(unlimited.text)")
            try await server.store.queue(.downloads).configure(QueueSettingsChange(limit: 4))
            let status = try await server.get("/api/downloads/status")
            #expect(status.int("max_concurrent_downloads") == 4)
            for name in ["completed", "failed", "cancelled", "completed_total", "failed_total", "cancelled_total"] {
                #expect(status.int(name) == 1, "\(name)")
            }
            #expect(status.int("total_jobs") == 0)
            let gauges = [
                "active_downloads", "queued_downloads", "waiting_downloads", "paused_downloads",
            ]
            #expect(gauges.allSatisfy { status.int($0) != nil })
            #expect(status.bool("paused") == false)
        }
    }

    @Test(arguments: [
        (HTTPMethod.GET, "/pause", "POST"), (.GET, "/resume", "POST"), (.DELETE, "/pause", "POST"),
        (.GET, "/batch", "POST"), (.GET, "/batch-action", "POST"), (.GET, "/concurrency", "PUT"),
        (.POST, "/concurrency", "PUT"), (.POST, "/status", "GET, HEAD"), (.PUT, "", "GET, HEAD, POST"),
        (.POST, "/01k", "GET, HEAD"), (.GET, "/01k/pause", "POST"), (.GET, "/01k/priority", "PATCH, POST"),
        (.PUT, "/pause/", "POST"),
    ])
    func `a path of fixed words is never a download's id: another method is 405 with those that are allowed`(
        method: HTTPMethod, path: String, allowed: String
    ) async throws {
        try await withServer { server in
            let answer = try await server.send(method, "/api/downloads" + path)
            #expect(answer.status == 405, "\(answer.text)")
            let told = answer.headers.first(name: "allow")?.split(separator: ", ").map(String.init) ?? []
            #expect(told == (allowed.split(separator: ", ").map(String.init) + ["OPTIONS"]).sorted())
            #expect(answer["code"] == "method-not-allowed")
        }
    }

    @Test(arguments: [
        (#"{"track_ids":[]}"#, "At least one track ID must be provided"),
        (#"{"downloads":[]}"#, "At least one download must be provided"),
    ])
    func `an empty batch is reported in the words that clients look for`(body: String, detail: String) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/downloads/batch", body)
            #expect(answer.status == 400)
            #expect(answer["detail"] == detail)
            let action = try await server.post(
                "/api/downloads/batch-action", #"{"download_ids":[],"action":"pause"}"#)
            #expect(action.status == 400)
            #expect(action["detail"] == "At least one download ID must be provided")
        }
    }

    @Test(arguments: [
        ("nope", "nope"), ("a\u{202E}b\u{9B}1m\u{200B}c", "a?b?1m?c"), ("it's", "it's"),
        (String(repeating: "x", count: 300), String(repeating: "x", count: 100)),
    ])
    func `a bad track id is quoted without what could harm a terminal`(track: String, shown: String) async throws {
        try await withServer { server in
            let data = try JSONSerialization.data(withJSONObject: ["track_ids": [Self.track, track]])
            let answer = try await server.post("/api/downloads/batch", String(decoding: data, as: UTF8.self))
            #expect(answer.status == 400)
            #expect(answer["detail"] == "Invalid track ID '\(shown)'")
            #expect(answer["track_id"] == shown)
            #expect(try await server.get("/api/downloads/status").int("total_jobs") == 0)
        }
    }

    @Test func `a download may have a timeout, and shows it`() async throws {
        try await withServer { server in
            let id = try await server.addDownload(#","timeout_seconds":90"#)
            #expect(try await server.get("/api/downloads/\(id)").int("timeout_seconds") == 90)
            let job = try #require(try await server.claim().first)
            #expect(job.timeout == .seconds(90))
            for bad in ["0", "0.5", "-1", "31536001", "\"5m\""] {
                let answer = try await server.post(
                    "/api/downloads", #"{"url":"https://a.example/x","timeout_seconds":\#(bad)}"#)
                #expect(answer.status == 422)
                #expect(answer.pointers.first?.hasSuffix("/timeout_seconds") == true)
            }
            let batch = #"{"downloads":[{"url":"https://a.example/1","timeout_seconds":5}]}"#
            let ids = try await server.post("/api/downloads/batch", batch).strings("job_ids")
            #expect(try await server.get("/api/downloads/\(try #require(ids.first))").int("timeout_seconds") == 5)
        }
    }

    @Test func `names within one batch differ, whatever its client called them`() async throws {
        try await withServer { server in
            let items = (1...4).map { #"{"url":"https://a.example/\#($0)","filename":"a"}"# }
            let other = #"{"url":"https://a.example/5","filename":"a (3)"}"#
            let body = "{\"downloads\":[\((items + [other]).joined(separator: ","))]}"
            let ids = try await server.post("/api/downloads/batch", body).strings("job_ids")
            var names: [String] = []
            for id in ids { names.append(try #require(try await server.get("/api/downloads/\(id)")["filename"])) }
            #expect(names == ["a", "a (2)", "a (3)", "a (4)", "a (3) (2)"])
        }
    }

    @Test func `with error a name that comes twice in a batch is refused, with replace it is taken`() async throws {
        try await withServer { server in
            func body(_ conflict: String) -> String {
                let items = (1...2).map {
                    #"{"url":"https://a.example/\#($0)","filename":"a","on_conflict":"\#(conflict)"}"#
                }
                return "{\"downloads\":[\(items.joined(separator: ","))]}"
            }
            let refused = try await server.post("/api/downloads/batch", body("error"))
            #expect(refused.status == 422)
            #expect(refused.pointers.map { $0.hasSuffix("/downloads/1/filename") } == [true])
            #expect(try await server.get("/api/downloads/status").int("total_jobs") == 0)
            let replaced = try await server.post("/api/downloads/batch", body("replace"))
            #expect(replaced.strings("job_ids").count == 2)
            let unknown = try await server.post("/api/downloads/batch", body("merge"))
            #expect(unknown.status == 422)
            #expect(unknown.text.contains("rename, error, replace"))
        }
    }

    @Test func `a completed download has no error, whatever happened before`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            let first = try #require(try await server.claim().first)
            try await server.settle(first, .failed(retryAfter: .zero, error: "server_error: 503"))
            #expect(try await server.get("/api/downloads/\(id)")["error"] == "server_error: 503")
            _ = try await server.post("/api/downloads/\(id)/pause")
            _ = try await server.post("/api/downloads/\(id)/resume")
            let second = try #require(try await server.claim().first)
            try await server.settle(second, .completed(output: nil))
            let done = try await server.get("/api/downloads/\(id)")
            #expect(done["status"] == "completed")
            #expect(done.json["error"] == nil)
            let job = try await server.get("/api/v1/jobs/\(id)")
            #expect(job.json["error"] == nil)
        }
    }

    @Test func `updated_at is when the download last changed, and the entity tag changes with it`() async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            var seen: [(tag: String, at: String)] = []
            /// Looks twice: nothing changes by looking.
            func look(_ what: Comment, isChanged: Bool = true) async throws {
                let first = try await server.get("/api/downloads/\(id)")
                try await Task.sleep(for: .milliseconds(5))
                let second = try await server.get("/api/downloads/\(id)")
                #expect(first.body == second.body, what)
                let tag = try #require(first.headers.first(name: "etag"))
                let at = try #require(first["updated_at"])
                let held = try await server.get("/api/downloads/\(id)", headers: [("If-None-Match", tag)])
                #expect(held.status == 304, what)
                if let last = seen.last {
                    #expect((tag != last.tag) == isChanged, what)
                    #expect(isChanged ? at > last.at : at == last.at, "\(what): \(last.at) to \(at)")
                }
                seen.append((tag, at))
            }
            func heartbeat(_ job: ClaimedJob, _ done: Int64?) async throws {
                let progress = done.map { JobProgress(completed: $0, total: 100) }
                _ = try await server.downloads.heartbeat(
                    worker: "w", info: nil, [Heartbeat(id: job.id, token: job.token, progress: progress)])
            }
            try await look("queued")
            var job = try #require(try await server.claim().first)
            try await look("running")
            try await heartbeat(job, nil)
            try await look("a heartbeat without news", isChanged: false)
            try await heartbeat(job, 40)
            try await look("progress")
            try await server.settle(job, .failed(retryAfter: .milliseconds(40), error: "e"))
            try await look("failed once")
            try await eventually("it fell due") {
                _ = try await server.downloads.sweep()
                return try await server.downloads.state(id) == .queued
            }
            try await look("due")
            _ = try await server.post("/api/downloads/\(id)/pause")
            try await look("paused")
            _ = try await server.post("/api/downloads/\(id)/pause")
            try await look("paused again", isChanged: false)
            _ = try await server.post("/api/downloads/\(id)/resume")
            try await look("resumed")
            _ = try await server.post("/api/downloads/\(id)/priority", #"{"priority":7}"#)
            try await look("another priority")
            job = try #require(try await server.claim().first)
            _ = try await server.post("/api/downloads/\(id)/pause")
            try await look("asked to stop")
            try await server.settle(job, .released(after: nil))
            try await look("stopped")
            _ = try await server.post("/api/downloads/\(id)/cancel")
            try await look("cancelled")
            _ = try await server.post("/api/downloads/\(id)/retry")
            try await look("retried")
            job = try #require(try await server.claim().first)
            try await server.settle(job, .completed(output: nil))
            try await look("completed")
        }
    }

    @Test func `a failed download runs again under another name`() async throws {
        try await withServer { server in
            let id = try await server.addDownload(#","filename":"a","priority":3"#)
            try await server.settle(
                try #require(try await server.claim().first), .failedForGood(error: "file_exists: another file"))
            let retried = try await server.post("/api/downloads/\(id)/retry", #"{"filename":"b"}"#)
            #expect(retried.status == 200, "\(retried.text)")
            #expect(retried["status"] == "queued")
            let shown = try await server.get("/api/downloads/\(id)")
            #expect(shown["filename"] == "b")
            #expect(shown.json["error"] == nil)
            #expect(shown.int("priority") == 3)
            // Nobody has begun it: it may be given another one.
            _ = try await server.post("/api/downloads/\(id)/retry", #"{"filename":"c","on_conflict":"error"}"#)
            let job = try #require(try await server.claim().first)
            #expect(String(decoding: job.payload, as: UTF8.self).contains("\"filename\":\"c\""))
            #expect(String(decoding: job.payload, as: UTF8.self).contains("\"conflict\":\"error\""))
            let late = try await server.post("/api/downloads/\(id)/retry", #"{"filename":"d"}"#)
            #expect(late.status == 409)
            #expect(try await server.get("/api/downloads/\(id)")["filename"] == "c")
        }
    }

    @Test(arguments: [
        (#"{"filename":".."}"#, 422, "/filename"), (#"{"name":"b"}"#, 422, "/name"),
        (#"{"filename":7}"#, 422, "/filename"), (#"{"on_conflict":"x"}"#, 422, "/on_conflict"), ("[]", 422, ""),
        ("{", 400, ""),
    ])
    func `a retry with invalid fields is refused, and nothing happens`(
        body: String, status: Int, pointer: String
    ) async throws {
        try await withServer { server in
            let id = try await server.addDownload()
            _ = try await server.post("/api/downloads/\(id)/cancel")
            let answer = try await server.post("/api/downloads/\(id)/retry", body)
            #expect(answer.status == status, "\(answer.text)")
            if status == 422 { #expect(answer.pointers.first?.hasSuffix(pointer) == true, "\(answer.pointers)") }
            #expect(try await server.get("/api/downloads/\(id)")["status"] == "cancelled")
            #expect(try await server.post("/api/downloads/nobody/retry", #"{"filename":"b"}"#).status == 404)
            #expect(try await server.post("/api/downloads/\(id)/retry", "{}").status == 200)
        }
    }

    @Test(arguments: ["/api/v1/jobs", "/api/v1/jobs/bulk"])
    func `the queue of downloads takes no other jobs`(path: String) async throws {
        try await withServer { server in
            let job = #"{"type":"greet","queue":"downloads"}"#
            let body = path.hasSuffix("bulk") ? "{\"jobs\":[\(job)]}" : job
            let answer = try await server.post(path, body)
            #expect(answer.status == 422)
            #expect(answer.text.contains("/api/downloads"))
            #expect(answer.pointers.first?.hasSuffix("/queue") == true)
            #expect(try await server.get("/api/downloads").list("downloads").isEmpty)
            let lines = try await server.send(
                .POST, "/api/v1/jobs/bulk", job, type: "application/x-ndjson")
            #expect(lines.int("created") == 0)
        }
    }
}
