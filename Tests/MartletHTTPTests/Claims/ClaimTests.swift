// Workers over HTTP: claims and how they end.

import Foundation
import MartletJobs
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP
@testable import MartletQueue

/// Whether a moment was so many seconds ahead, give or take ten, at some time between `start` and now.
private func isAhead(_ moment: Date, by seconds: Double, since start: Date) -> Bool {
    let earliest = start.addingTimeInterval(seconds - 10)
    let latest = Date().addingTimeInterval(seconds + 10)
    return earliest <= moment && moment <= latest
}

@Suite struct ClaimTests {
    @Test func `a claim hands out jobs in their order, with what a worker needs`() async throws {
        try await withServer { server in
            try await server.push("low", #","priority":-5"#)
            try await server.push(
                "high", #","priority":5,"payload":{"n":1.50},"timeout_seconds":60,"tags":["a"],"metadata":{"m":1}"#)
            try await server.push("middle")
            let start = Date()
            let claims = try await server.take(2)
            #expect(claims.map(\.id) == ["high", "middle"])
            let job = claims[0].job
            #expect(job["type"] as? String == "t" && job["queue"] as? String == "q")
            #expect(job["payload"] as? [String: Double] == ["n": 1.5])
            #expect(claims[0].int("attempt") == 1 && claims[0].int("claims") == 1 && claims[0].int("priority") == 5)
            #expect(claims[0].int("timeout_seconds") == 60 && job["tags"] as? [String] == ["a"])
            #expect(job["metadata"] as? [String: Int] == ["m": 1] && job["created_at"] is String)
            #expect(claims[0].leaseSeconds == 30)
            let expires = try #require((claims[0].json["expires_at"] as? String).flatMap { Date(rfc3339: $0) })
            #expect(isAhead(expires, by: 30, since: start))
            #expect(Set(claims.map(\.token)).count == 2)
            #expect(try await server.job("high")["state"] == "active")
            #expect(try await server.job("low")["state"] == "queued")
        }
    }

    @Test func `nothing to claim is 204, and limits and pauses hold`() async throws {
        try await withServer { server in
            let none = try await server.ask()
            #expect(none.status == 204 && none.body.isEmpty)
            try await server.push("a")
            try await server.push("b")
            let queue = server.harness.queue()
            try await queue.pause()
            #expect(try await server.ask(#","max":2"#).status == 204)
            try await queue.resume()
            _ = try await server.send(.PUT, "/api/v1/queues/q", #"{"concurrency":1}"#)
            #expect(try await server.take(2).map(\.id) == ["a"])
            #expect(try await server.ask(#","max":2"#).status == 204)
        }
    }

    @Test func `a completed claim keeps its result, and saying it again is answered the same`() async throws {
        try await withServer { server in
            try await server.push("a")
            let claim = try await server.take()[0]
            let first = try await server.end(claim, "complete", #"{"result":{"rows":3}}"#)
            #expect(first.status == 200 && first["state"] == "completed" && first["id"] == "a")
            let again = try await server.end(claim, "complete", #"{"result":{"rows":3}}"#)
            #expect(again.status == 200 && again.body == first.body)
            let job = try await server.job("a")
            #expect(job["state"] == "completed" && (job.json["output"] as? [String: Int]) == ["rows": 3])
            // A job without a result needs no body.
            try await server.push("b")
            #expect(try await server.end(try await server.take()[0], "complete")["state"] == "completed")
        }
    }

    @Test func `a result that is too large does not keep the job from completing`() async throws {
        try await withServer { server in
            try await server.push("a")
            let large = String(repeating: "x", count: Settlement.outputLimit)
            let answer = try await server.end(try await server.take()[0], "complete", #"{"result":"\#(large)"}"#)
            #expect(answer["state"] == "completed")
            let output = try await server.job("a").json["output"] as? [String: String]
            #expect(output?["martlet_error"] == "output_too_large")
        }
    }

    @Test func `a failed claim is retried by the job's own policy, after what the worker says, or not at all`()
        async throws
    {
        try await withServer { server in
            try await server.push("policy", #","backoff":{"base_seconds":600}"#)
            let start = Date()
            let failure = #"{"error":{"class":"Timeout","message":"no\nanswer","stack":"at 1\n\tat 2"}}"#
            let first = try await server.end(try await server.take()[0], "fail", failure)
            #expect(first.status == 200 && first["state"] == "retrying")
            let runAt = try #require(first["run_at"].flatMap { Date(rfc3339: $0) })
            #expect(isAhead(runAt, by: 600, since: start))
            let job = try await server.job("policy")
            #expect(job["error"] == "Timeout: no\nanswer\nat 1\n\tat 2" && job.int("failures") == 1)

            try await server.push("said")
            let second = try await server.end(
                try await server.take()[0], "fail", #"{"error":{"message":"busy"},"retry_after_seconds":90}"#)
            let later = try #require(second["run_at"].flatMap { Date(rfc3339: $0) })
            #expect(isAhead(later, by: 90, since: start))

            try await server.push("never")
            let third = try await server.end(
                try await server.take()[0], "fail", #"{"error":{"message":"bad input"},"retryable":false}"#)
            #expect(third["state"] == "failed" && third["run_at"] == nil)
            #expect(try await server.job("never")["error"] == "bad input")
        }
    }

    @Test func `a claim of another server fails by the job's policy too`() async throws {
        try await withServer { server in
            try await server.push("a", #","backoff":{"base_seconds":600}"#)
            let claim = try await server.take()[0]
            // This server has the claim in its book; another one, as after a restart, has not.
            let api = API(
                store: server.store, settings: ServerSettings(), authenticator: Authenticator(tokens: nil),
                downloads: testCatalog, metrics: nil, checks: [],
                findings: { [] }, logger: noLogger)
            let token = try #require(ClaimToken(claim.token))
            let end = ClaimEnd.fail(error: "x", isRetryable: true, after: nil)
            let start = Date()
            let result = await api.claims.settling.settle([(token, end)], caller: .local)
            guard case .done(.retrying, let runAt?) = result[0] else {
                Issue.record("\(result)")
                return
            }
            #expect(isAhead(runAt, by: 600, since: start))
        }
    }

    @Test
    func `a released claim goes back to its place or waits, and a snoozed one waits, without charging an attempt`()
        async throws
    {
        try await withServer { server in
            try await server.push("a")
            try await server.push("b")
            let first = try await server.take()[0]
            #expect(try await server.end(first, "release")["state"] == "queued")
            let again = try await server.take()[0]
            #expect(again.id == "a" && again.int("attempt") == 1 && again.int("claims") == 2)
            let later = try await server.end(again, "release", #"{"delay_seconds":600,"reason":"disk full"}"#)
            #expect(later["state"] == "retrying" && later["run_at"] != nil)
            let job = try await server.job("a")
            #expect(job["error"] == "disk full" && job.int("failures") == 0)
            let snoozed = try await server.end(try await server.take()[0], "snooze", #"{"delay_seconds":600}"#)
            #expect(snoozed["id"] == "b" && snoozed["state"] == "retrying")
            #expect(try await server.job("b").int("failures") == 0)
        }
    }

    @Test func `a throttled claim holds its key for all, which the limit shows and a reset ends`() async throws {
        try await withServer { server in
            let keys = #"{"type":"t","queue":"q","id":"ID","limits":["host:a"]}"#
            for id in ["a", "b"] { _ = try await server.post("/api/v1/jobs", keys.replacing("ID", with: id)) }
            let end = #"{"key":"host:a","delay_seconds":600,"reason":"429"}"#
            let answer = try await server.end(try await server.take()[0], "throttle", end)
            #expect(answer["id"] == "a" && answer["state"] == "blocked", "\(answer.text)")
            let next = try await server.post("/api/v1/claims", #"{"queues":["q"]}"#)
            #expect(next.status == 204, "the other job of the key waits too")
            let job = try await server.job("a")
            #expect(job["waits_for"] == "host:a" && job["error"] == "429" && job.int("failures") == 0)
            let limit = try await server.get("/api/v1/queues/q/limits/host:a")
            let held = limit.object("throttled")
            #expect(held["reason"] as? String == "429" && held["until"] != nil, "\(limit.text)")
            #expect(
                try await server.get("/api/v1/queues/q/limits").list("limits").map { $0["key"] as? String } == [
                    "host:a"
                ])
            #expect(try await server.post("/api/v1/queues/q/limits/host:a/reset").status == 200)
            #expect(try await server.take(2).map(\.id) == ["a", "b"])
        }
    }

    @Test func `a settlement among many may throttle, and a key that the job does not have holds only the job`()
        async throws
    {
        try await withServer { server in
            for id in ["a", "b"] { try await server.push(id) }
            let claim = try await server.take()[0]
            let until = #""until":"2100-01-01T00:00:00Z""#
            let end = "{\"token\":\"\(claim.token)\",\"outcome\":\"throttle\",\"key\":\"host:a\",\(until)}"
            let answer = try await server.post("/api/v1/claims/settle", "{\"settlements\":[\(end)]}")
            #expect(answer.list("results").map { $0["state"] as? String } == ["retrying"], "\(answer.text)")
            let job = try await server.job(claim.id)
            #expect(job.text.contains("only this job waits"), "\(job.text)")
            #expect(job.int("failures") == 0)
            #expect(try await server.take().count == 1)
        }
    }

    @Test func `of a worker that names its types no other is handed out, and such a job waits for one that knows it`()
        async throws
    {
        try await withServer { server in
            for id in ["x1", "x2"] {
                _ = try await server.post("/api/v1/jobs", #"{"type":"other","queue":"q","id":"\#(id)"}"#)
            }
            try await server.push("mine")
            let claims = try await server.take(1, #","types":["t","u"]"#)
            #expect(claims.map(\.id) == ["mine"])
            let job = try await server.job("x1")
            #expect(job["state"] == "retrying" && job.int("failures") == 0)
            #expect(job["error"] == "waits for a worker that knows jobs of type other")
        }
    }

    @Test func `queues are served in the order of the claim, each up to its slots`() async throws {
        try await withServer { server in
            for number in 1...3 {
                try await server.push("a\(number)", queue: "a")
                try await server.push("b\(number)", queue: "b")
            }
            let claims = try await server.ask(#","max":4"#, queues: #"{"b":1,"a":2}"#).claims
            #expect(claims.map(\.id) == ["b1", "a1", "a2"])
            #expect(try await server.ask(#","max":4"#, queues: #"["a","b"]"#).claims.map(\.id) == ["a3", "b2", "b3"])
        }
    }

    @Test(arguments: [
        (#"{}"#, "/queues"), (#"{"queues":[]}"#, "/queues"), (#"{"queues":["A"]}"#, "/queues"),
        (#"{"queues":["q","q"]}"#, "/queues"), (#"{"queues":{"q":0}}"#, "/queues"), (#"{"queues":7}"#, "/queues"),
        (#"{"queues":["q"],"max":101}"#, "/max"), (#"{"queues":["q"],"max":0}"#, "/max"),
        (#"{"queues":["q"],"wait_seconds":31}"#, "/wait_seconds"), (#"{"queues":["q"],"types":[]}"#, "/types"),
        (#"{"queues":["q"],"types":[1]}"#, "/types"), (#"{"queues":["q"],"types":["a\u0007"]}"#, "/types"),
        (#"{"queues":["q"],"lease_seconds":4}"#, "/lease_seconds"),
        (#"{"queues":["q"],"worker_id":"a b"}"#, "/worker_id"),
        (#"{"queues":["q"],"worker":{"language":7}}"#, "/worker/language"), (#"{"queues":["q"],"nope":1}"#, "/nope"),
    ])
    func `a claim that is not right is refused and takes nothing`(body: String, pointer: String) async throws {
        try await withServer { server in
            try await server.push("a")
            let answer = try await server.post("/api/v1/claims", body)
            #expect(answer.status == 422 && answer.pointers == [pointer], "\(answer.text)")
            #expect(try await server.job("a").int("claims") == 0)
        }
    }

    @Test(arguments: [
        ("fail", #"{}"#, "/error"), ("fail", #"{"error":{"class":"X"}}"#, "/error/message"),
        ("fail", #"{"error":{"message":1}}"#, "/error/message"), ("snooze", #"{}"#, "/delay_seconds"),
        ("release", #"{"delay_seconds":-1}"#, "/delay_seconds"), ("throttle", #"{"delay_seconds":1}"#, "/key"),
        ("throttle", #"{"key":"host","delay_seconds":1}"#, "/key"), ("throttle", #"{"key":"h:a"}"#, "/delay_seconds"),
        ("throttle", #"{"key":"h:a","delay_seconds":1,"until":"2030-01-01T00:00:00Z"}"#, "/until"),
        ("complete", #"{"output":1}"#, "/output"),
    ])
    func `an end that is not right is refused and changes nothing`(
        word: String, body: String, pointer: String
    ) async throws {
        try await withServer { server in
            try await server.push("a")
            let claim = try await server.take()[0]
            let answer = try await server.end(claim, word, body)
            #expect(answer.status == 422 && answer.pointers == [pointer], "\(answer.text)")
            #expect(try await server.job("a")["state"] == "active")
            #expect(try await server.end(claim, "complete").status == 200)
        }
    }
}
