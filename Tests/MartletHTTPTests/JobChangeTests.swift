// Reading and changing jobs over /api/v1.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import MartletRedis
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

@Suite struct JobChangeTests {
    /// Pushes a job and answers its id.
    private func push(_ server: TestServer, _ more: String = "") async throws -> String {
        let answer = try await server.post("/api/v1/jobs", "{\"type\":\"t\"\(more)}")
        try #require(answer.status == 201, "\(answer.text)")
        return try #require(answer["id"])
    }

    @Test func `a job carries an entity tag, and 304 answers one that the client has`() async throws {
        try await withServer { server in
            let id = try await push(server)
            let first = try await server.get("/api/v1/jobs/\(id)")
            let tag = try #require(first.headers.first(name: "etag"))
            let second = try await server.get("/api/v1/jobs/\(id)", headers: [("if-none-match", "\"x\", \(tag)")])
            #expect(second.status == 304)
            #expect(second.body.isEmpty)
            _ = try await server.send(.PATCH, "/api/v1/jobs/\(id)", #"{"priority":5}"#)
            #expect(try await server.get("/api/v1/jobs/\(id)", headers: [("if-none-match", tag)]).status == 200)
        }
    }

    @Test func `wait answers once the job has ended, or as it stands when the time is over`() async throws {
        try await withServer { server in
            let id = try await push(server)
            let queue = server.harness.queue("default")
            let start = ContinuousClock.now
            let early = try await server.get("/api/v1/jobs/\(id)?wait=0.2")
            #expect(early["state"] == "queued")
            #expect(ContinuousClock.now - start >= .milliseconds(190))
            async let waiting = server.get("/api/v1/jobs/\(id)?wait=30")
            let job = try #require(try await server.claim(from: queue).first)
            try await server.settle(job, .completed(output: Array(#"{"sum": 3}"#.utf8)), in: queue)
            let answer = try await waiting
            #expect(answer["state"] == "completed")
            #expect((answer.json["output"] as? [String: Any])?["sum"] as? Int == 3)
            #expect(ContinuousClock.now - start < .seconds(20))
            #expect(try await server.get("/api/v1/jobs/\(id)?wait=5")["state"] == "completed")
        }
    }

    @Test(arguments: ["wait=31", "wait=-1", "wait=x", "wait=nan", "wait=1e2", "queue=No", "x=1"])
    func `a bad query for a job is 422`(query: String) async throws {
        try await withServer { server in
            let answer = try await server.get("/api/v1/jobs/a?\(query)")
            #expect(answer.status == 422)
        }
    }

    @Test(arguments: [false, true])
    func `a shutdown ends a wait early with the job as it stands`(whileItReads: Bool) async throws {
        let clock = ContinuousClock()
        let asked = Mutex<(task: Task<Answer, any Error>, at: ContinuousClock.Instant)?>(nil)
        let redis = try await ownRedis("http")
        try await withServer(
            url: redis.url, commandTimeout: .seconds(60), settings: { $0.longestWait = .seconds(55) }
        ) { server in
            let id = try await push(server)
            let task = Task { try await server.get("/api/v1/jobs/\(id)?wait=55") }
            asked.withLock { $0 = (task, clock.now) }
            try await eventually("the wait is under way: it looks again and again") {
                let statistics = try await server.harness.command("INFO", "commandstats").string ?? ""
                let calls = statistics.matches(of: /cmdstat_(?:evalsha|fcall|fcall_ro):calls=(\d+)/)
                return calls.compactMap { Int($0.1) }.reduce(0, +) > 10
            }
            guard whileItReads else { return }
            // A frozen Redis keeps the wait's next look open until the shutdown ends it.
            redis.pause()
            Task {
                _ = try? await task.value
                redis.unpause()
            }
            // Longer than the longest pause between two looks.
            try await Task.sleep(for: .milliseconds(400))
        }
        await redis.stop()
        let (task, start) = try #require(asked.withLock { $0 })
        let answer = try await task.value
        #expect(answer.status == 200)
        #expect(answer["state"] == "queued")
        #expect(clock.now - start < .seconds(50), "sooner than the wait would have ended by itself")
    }

    @Test func `an id that two queues have is 409 until one is named`() async throws {
        try await withServer { server in
            _ = try await push(server, #","id":"twin","queue":"a""#)
            _ = try await push(server, #","id":"twin","queue":"b""#)
            let answer = try await server.get("/api/v1/jobs/twin")
            #expect(answer.status == 409)
            #expect(answer["code"] == "ambiguous")
            #expect(answer.strings("queues") == ["a", "b"])
            #expect(try await server.get("/api/v1/jobs/twin?queue=b")["queue"] == "b")
            #expect(try await server.post("/api/v1/jobs/twin/cancel").status == 409)
            #expect(try await server.post("/api/v1/jobs/twin/cancel?queue=a")["state"] == "cancelled")
            #expect(try await server.get("/api/v1/jobs/twin?queue=b")["state"] == "queued")
            #expect(try await server.get("/api/v1/jobs/twin?queue=c").status == 404)
            #expect(try await server.get("/api/v1/jobs/none").status == 404)
            #expect(try await server.get("/api/v1/jobs/a%2Fb").status == 422)
        }
    }

    @Test func `each verb has its effect, and repeating it changes nothing`() async throws {
        try await withServer { server in
            let id = try await push(server, #","delay_seconds":100"#)
            func post(_ verb: String) async throws -> Answer { try await server.post("/api/v1/jobs/\(id)/\(verb)") }
            for (verb, state) in [
                ("pause", "paused"), ("resume", "scheduled"), ("run", "queued"), ("cancel", "cancelled"),
            ] {
                for _ in 0..<2 {
                    let answer = try await post(verb)
                    #expect(answer.status == 200, "\(verb)")
                    #expect(answer["state"] == state)
                    #expect(answer["id"] == id)
                }
            }
            let refused = try await post("run")
            #expect(refused.status == 409)
            #expect(refused["state"] == "cancelled")
            #expect(refused.strings("allowed") == ["retry", "delete"])
            #expect(try await post("retry")["state"] == "queued")
            #expect(try await server.post("/api/v1/jobs/none/retry").status == 404)
        }
    }

    @Test func `a verb takes no fields, and an empty body counts as none`() async throws {
        try await withServer { server in
            let id = try await push(server)
            let paths = ["pause", "resume", "run", "cancel", "retry"].map { "/api/v1/jobs/\(id)/\($0)" }
            for path in paths + ["/api/v1/queues/default/resume", "/api/v1/resume"] {
                let answer = try await server.post(path, #"{"priority":5}"#)
                #expect(answer.status == 422, "\(path)")
                #expect(answer.pointers == ["/priority"])
            }
            #expect(try await server.get("/api/v1/jobs/\(id)")["state"] == "queued")
            #expect(try await server.post("/api/v1/jobs/\(id)/pause", "{}")["state"] == "paused")
            let form = [("content-type", "application/x-www-form-urlencoded"), ("content-length", "0")]
            #expect(try await server.post("/api/v1/jobs/\(id)/resume", headers: form).status == 200)
        }
    }

    @Test func `a running job that is asked to stop is 202`() async throws {
        try await withServer { server in
            let id = try await push(server)
            let queue = server.harness.queue("default")
            let job = try #require(try await server.claim(from: queue).first)
            let paused = try await server.post("/api/v1/jobs/\(id)/pause")
            #expect(paused.status == 202)
            #expect(paused["stop_requested"] == "pause")
            #expect(try await server.post("/api/v1/jobs/\(id)/resume").status == 200)
            #expect(try await server.post("/api/v1/jobs/\(id)/cancel").status == 202)
            try await server.settle(job, .released(after: nil), in: queue)
            #expect(try await server.get("/api/v1/jobs/\(id)")["state"] == "cancelled")
        }
    }

    @Test func `a patch changes what it names`() async throws {
        try await withServer { server in
            let id = try await push(server)
            let body = #"{"priority":4,"delay_seconds":60,"max_retries":0}"#
            let answer = try await server.send(.PATCH, "/api/v1/jobs/\(id)", body)
            #expect(answer.status == 200)
            #expect(answer.int("priority") == 4)
            #expect(answer.int("max_retries") == 0)
            #expect(answer["state"] == "scheduled")
            #expect(try await server.send(.PATCH, "/api/v1/jobs/\(id)", "{}").status == 422)
            #expect(try await server.send(.PATCH, "/api/v1/jobs/\(id)", #"{"state":"failed"}"#).status == 422)
            #expect(try await server.send(.PATCH, "/api/v1/jobs/none", body).status == 404)
            let bare = try await server.send(.PATCH, "/api/v1/jobs/\(id)", #"{"priority":null,"max_retries":null}"#)
            #expect(bare.int("priority") == 0, "null takes back to the default")
            #expect(bare.int("max_retries") == 3)
            let waits = try await server.send(.PATCH, "/api/v1/jobs/\(id)", #"{"priority":1,"delay_seconds":null}"#)
            #expect(waits.pointers == ["/delay_seconds"])
            _ = try await server.post("/api/v1/jobs/\(id)/cancel")
            #expect(try await server.send(.PATCH, "/api/v1/jobs/\(id)", body).status == 409)
        }
    }

    @Test func `only jobs that have ended are deleted, and their deletion may be repeated`() async throws {
        try await withServer { server in
            let id = try await push(server, #","id":"mine""#)
            #expect(try await server.send(.DELETE, "/api/v1/jobs/\(id)").status == 409)
            _ = try await server.post("/api/v1/jobs/\(id)/cancel")
            #expect(try await server.send(.DELETE, "/api/v1/jobs/\(id)")["status"] == "deleted")
            #expect(try await server.send(.DELETE, "/api/v1/jobs/\(id)").status == 404)
            #expect(try await server.send(.DELETE, "/api/v1/jobs/\(id)?queue=default").status == 200)
            #expect(try await server.get("/api/v1/jobs/\(id)").status == 404)
        }
    }

    @Test func `Batch: an action over jobs of several queues answers for each in order`() async throws {
        try await withServer { server in
            let a = try await push(server, #","queue":"a""#)
            let b = try await push(server, #","queue":"b""#)
            _ = try await push(server, #","queue":"a","id":"twin""#)
            _ = try await push(server, #","queue":"b","id":"twin""#)
            let ids = "\"\(a)\",\"no such\",\"\(b)\",\"gone\",\"twin\""
            let dry = try await server.post(
                "/api/v1/jobs/actions", "{\"action\":\"run\",\"ids\":[\(ids)],\"dry_run\":true}")
            #expect(dry.status == 200, "\(dry.text)")
            #expect(dry.list("results").compactMap { $0["id"] as? String } == [a, b])
            #expect(dry.json["dry_run"] as? Bool == true)
            let cancelled = try await server.post(
                "/api/v1/jobs/actions", "{\"action\":\"cancel\",\"ids\":[\"\(a)\"],\"dry_run\":true}")
            #expect(cancelled.list("results").first?["status"] as? String == "cancelled", "what would be, not what is")
            #expect(try await server.get("/api/v1/jobs/\(a)")["state"] == "queued")
            let preview = try await server.post(
                "/api/v1/jobs/actions", "{\"action\":\"delete\",\"ids\":[\"\(a)\"],\"dry_run\":true}")
            #expect(preview.int("failed") == 1)
            let answer = try await server.post("/api/v1/jobs/actions", "{\"action\":\"cancel\",\"ids\":[\(ids)]}")
            #expect(answer.int("successful") == 2)
            #expect(answer.list("results").allSatisfy { $0["status"] as? String == "cancelled" })
            #expect(answer.list("errors").compactMap { $0["id"] as? String } == ["no such", "gone", "twin"])
            let named = try await server.post("/api/v1/jobs/actions?queue=a", #"{"action":"cancel","ids":["twin"]}"#)
            #expect(named.int("successful") == 1)
            let delete = try await server.post("/api/v1/jobs/actions", "{\"action\":\"delete\",\"ids\":[\"\(a)\"]}")
            #expect(delete.list("results").first?["status"] as? String == "deleted")
            let retry = try await server.post("/api/v1/jobs/actions", "{\"action\":\"retry\",\"ids\":[\"\(b)\"]}")
            #expect(retry.list("results").first?["status"] as? String == "queued")
        }
    }

    @Test(arguments: [
        (#"{"action":"cancel","filter":{"queue":"a"},"ids":["a"]}"#, "/filter"),
        (#"{"action":"cancel","ids":[]}"#, "/ids"),
        (#"{"action":"explode","ids":["a"]}"#, "/action"), (#"{"ids":["a"]}"#, "/action"),
        (#"{"action":"priority","ids":["a"]}"#, "/priority"),
        (#"{"action":"pause","priority":5,"ids":["a"]}"#, "/priority"),
        (#"{"action":"cancel","priority":5,"ids":["a"]}"#, "/priority"),
    ])
    func `a bad action over jobs is 422`(body: String, pointer: String) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs/actions", body)
            #expect(answer.status == 422)
            #expect(answer.pointers.contains(pointer), "\(answer.text)")
        }
    }

    @Test func `a dry run predicts the action, and writes nothing`() async throws {
        try await withServer { server in
            let queue = server.harness.queue("default")
            for id in ["u1", "u2", "u3"] {
                _ = try await push(server, ",\"id\":\"\(id)\",\"unique_key\":\"only\"")
                _ = try await server.post("/api/v1/jobs/\(id)/cancel")
            }
            _ = try await push(server, #","id":"runs","priority":9"#)
            #expect(try await server.claim(from: queue).first?.id.description == "runs")
            _ = try await push(server, #","id":"waits","delay_seconds":60"#)
            let ids = #"["u1","u2","runs","waits","none","u1","waits","u3"]"#
            for action in ["retry", "pause", "resume", "run", "cancel", "delete"] {
                let before = try await server.harness.command("HGETALL", server.harness.key("meta", queue: "default"))
                let jobs = try await server.get("/api/v1/jobs").text
                let body = "{\"action\":\"\(action)\",\"ids\":\(ids)"
                let dry = try await server.post("/api/v1/jobs/actions", body + ",\"dry_run\":true}")
                let after = try await server.harness.command("HGETALL", server.harness.key("meta", queue: "default"))
                #expect(before == after, "\(action)")
                #expect(try await server.get("/api/v1/jobs").text == jobs, "\(action)")
                let real = try await server.post("/api/v1/jobs/actions", body + "}")
                for part in ["results", "errors"] {
                    let (would, did) = (dry.list(part) as NSArray, real.list(part) as NSArray)
                    #expect(would == did, "\(action): \(dry.text) \(real.text)")
                }
            }
        }
    }

    @Test func `a dry run in a missing queue does not create it`() async throws {
        try await withServer { server in
            let body = #"{"action":"cancel","ids":["a"],"dry_run":true}"#
            let answer = try await server.post("/api/v1/jobs/actions?queue=none", body)
            #expect(answer.int("failed") == 1)
            let names = try await server.store.queueNames()
            #expect(names.isEmpty)
        }
    }

    @Test func `the Location of a push leads to its job, also when another queue has one of that id`() async throws {
        try await withServer { server in
            for queue in ["a", "b"] {
                let body = "{\"type\":\"t\",\"id\":\"twin\",\"queue\":\"\(queue)\"}"
                let answer = try await server.post("/api/v1/jobs", body)
                let location = try #require(answer.headers.first(name: "location"))
                #expect(try await server.get(location)["queue"] == queue)
            }
        }
    }

    @Test func `jobs are listed page by page over all queues, without payloads`() async throws {
        try await withServer { server in
            var expected: [String] = []
            for queue in ["a", "b", "c"] {
                for _ in 0..<3 { expected.append(try await push(server, ",\"queue\":\"\(queue)\",\"payload\":[1]")) }
            }
            var walked: [String] = []
            var cursor = ""
            repeat {
                let page = try await server.get("/api/v1/jobs?limit=3\(cursor)")
                #expect(page.status == 200)
                #expect(page.list("jobs").allSatisfy { $0["payload"] == nil })
                walked += page.list("jobs").compactMap { $0["id"] as? String }
                cursor = page["next_cursor"].map { "&cursor=\($0)" } ?? ""
            } while !cursor.isEmpty && walked.count < 30
            #expect(walked == expected)
            let two = try await server.get("/api/v1/jobs?limit=2&queue=b")
            let rest = try await server.get("/api/v1/jobs?limit=2&queue=b&cursor=\(try #require(two["next_cursor"]))")
            #expect(rest.list("jobs").compactMap { $0["id"] as? String } == [expected[5]])
            #expect(rest.json["next_cursor"] is NSNull)
            let typed = try await server.get("/api/v1/jobs?type=other&state=queued,failed")
            #expect(typed.list("jobs").isEmpty)
            for query in ["state=odd", "cursor=x", "cursor=a!odd", "cursor=A!", "limit=0"] {
                #expect(try await server.get("/api/v1/jobs?\(query)").status == 422, "\(query)")
            }
        }
    }
}
